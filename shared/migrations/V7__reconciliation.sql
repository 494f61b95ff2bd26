-- How far Aircall's list of calls has been compared with the ledger: a row for ingest's own turns, and one for a backfill
-- that is under way or was broken off.
create table reconciliations (
    name       text primary key,
    -- What is looked at, by the start of the calls, and how far that is.
    since      timestamptz not null,
    until      timestamptz not null,
    reached    timestamptz not null,
    begun_at   timestamptz not null default now(),
    -- Where the next turn begins, and when the last one ended.
    next_since timestamptz,
    ended_at   timestamptz,
    -- Aircall delivers to us, as far as was last asked; and when somebody was last told that it does not.
    webhook_active boolean,
    webhook_told_at timestamptz
);

-- A call that was brought in from Aircall's list: when, and a digest of what the list showed, so that it is once.
alter table calls add column reconciled_at timestamptz;
alter table calls add column reconciled_view text;
create index calls_reconciled on calls (reconciled_at) where reconciled_at is not null;
