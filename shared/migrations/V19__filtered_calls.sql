-- With AIRCALL_NUMBER_IDS, webhooks of other numbers are ignored. An AI event names only its call, so whether that was on another number was
-- asked of Aircall for each event. Ingest notes the ids of the calls that it ignores.
create table if not exists filtered_calls (
    call_id bigint primary key,
    seen_at timestamptz not null default now()
);
