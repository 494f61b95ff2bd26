-- All retries hang on delay queues giving messages back, which a broker may stop doing without an error. Ingest sends a message through each of
-- them now and then, and this is what is known of the last one.
create table delay_checks (
    delay       text primary key,
    -- How long the queue holds a message.
    ttl_s       float8 not null,
    -- When the last one was made: its message says so.
    made_at     timestamptz not null,
    -- The last one that the broker has confirmed.
    sent_at     timestamptz,
    -- The oldest one that has not come back.
    waits_since timestamptz,
    -- The newest one that has come back.
    back_of     timestamptz
);
