-- What the console searches calls by, newest first. The columns are generated, so nobody has to keep them true.
alter table calls
    -- Messages about the call that our consumers have put among the dead letters and no operator has taken out.
    add column parked integer not null default 0;
alter table calls
    -- Times in snapshots are seconds. The database heard of a call without one when its row was made.
    add column started_at timestamptz generated always as (coalesce(to_timestamp(
        case when jsonb_typeof(snapshot->'started_at') = 'number' then (snapshot->>'started_at')::float8 end), created_at)) stored,
    add column state text generated always as (case
        when parked > 0 then 'parked'
        when gone_at is not null then 'deleted'
        when sellsy_id is not null then 'logged'
        when resolved_at is not null and resolution->>'record' is null then 'unmatched'
        when resolved_at is not null then 'unlogged'
        when snapshot->>'ended_at' is not null or snapshot->>'status' = 'done' then 'undecided'
        else 'ongoing' end) stored,
    add column agent text generated always as (coalesce(snapshot->'user'->>'name', snapshot->'user'->>'email')) stored,
    -- As the timeline names it: individual 2001.
    add column record text generated always as
        ((resolution->'record'->>'kind') || ' ' || (resolution->'record'->>'id')) stored,
    -- The digits of the number backwards: an index finds its last ones, and one that is written without country code.
    add column caller_backwards text generated always as
        (nullif(reverse(regexp_replace(coalesce(snapshot->>'raw_digits', ''), '\D', '', 'g')), '')) stored;
create index calls_by_time on calls (started_at, call_id);
create index calls_by_state on calls (state, started_at, call_id);
create index calls_by_agent on calls (agent, started_at, call_id) where agent is not null;
create index calls_by_record on calls (record, started_at, call_id) where record is not null;
create index calls_by_caller on calls (caller_backwards text_pattern_ops, started_at, call_id) where caller_backwards is not null;

-- The last failures of all calls.
create index timeline_failures on timeline (id) where what in ('parked', 'retried');

-- Every process of a worker tells every few seconds that it lives, and whether it is ready.
create table replicas (
    instance   uuid primary key,
    worker     text not null,
    host       text not null,
    pid        integer not null,
    version    text not null,
    started_at timestamptz not null default now(),
    -- Why it is not ready: {condition: reason}; empty if it is.
    missing    jsonb not null,
    seen_at    timestamptz not null default now()
);
