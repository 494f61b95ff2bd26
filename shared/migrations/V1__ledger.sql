-- One row per call is the truth about it.
create table calls (
    call_id       bigint primary key,
    created_at    timestamptz not null default now(),
    -- Aircall's latest view of the call and its place in the order of views: time of the event, then rank.
    snapshot      jsonb,
    snapshot_at   timestamptz,
    snapshot_rank bigint,
    -- Claimed before the insight card is pushed: at most one card per call, ever.
    card_at       timestamptz,
    -- Who called: decided at call.created for the card, final once call.ended has been handled.
    resolution    jsonb,
    looked_up_at  timestamptz,
    resolved_at   timestamptz,
    -- AI insights by kind.
    insights      jsonb not null default '{}',
    -- The log in Sellsy and the digest of what was written there last.
    sellsy_id     bigint,
    digest        text,
    written_at    timestamptz,
    -- A person deleted the log in Sellsy; it stays deleted.
    gone_at       timestamptz,
    -- Set before the POST that creates the log, cleared when its end is known.
    intent_at     timestamptz,
    -- One writer at a time: whoever holds the lease settles all changes wanted up to then.
    wanted        bigint not null default 0,
    lease         uuid,
    lease_until   timestamptz
);

-- What happened to a call, for people: one row per thing.
create table timeline (
    id      bigint generated always as identity primary key,
    call_id bigint not null,
    at      timestamptz not null default clock_timestamp(),
    stage   text not null,
    what    text not null,
    detail  jsonb not null default '{}'
);
create index timeline_of_a_call on timeline (call_id, id);

-- Messages that could not reach the broker, in order of arrival.
create table inbox (
    id          bigint generated always as identity primary key,
    received_at timestamptz not null default now(),
    -- A kind for the exchange of facts; null for ingest's dead letters.
    kind        text,
    trace       text not null,
    error_code  text,
    error       text,
    body        bytea not null
);
