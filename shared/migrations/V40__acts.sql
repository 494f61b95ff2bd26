-- A person asks for a call's log to be brought up to date, whatever the ledger believes that it says.

set local lock_timeout = '3s';
-- When somebody asked last. Null: nobody did. Once the log is written after it, it is done.
alter table calls add column if not exists asked_at timestamptz;

-- What `callbridge check` found when it was last run from the console. One row; any console shows it.
create table last_check (
    one        boolean primary key default true check (one),
    asked_by   text not null,
    begun_at   timestamptz not null default now(),
    -- Null: it goes on, or its process ended before it was over.
    ended_at   timestamptz,
    -- In both languages. Of the run before, as long as this one goes on.
    findings   jsonb not null default '[]',
    found_at   timestamptz
);

-- A backfill that was begun from the console is seen, and can be stopped, from every console.
alter table reconciliations add column if not exists asked_by text;
alter table reconciliations add column if not exists tally jsonb;
alter table reconciliations add column if not exists stop_asked_at timestamptz;
-- Why it ended before its end.
alter table reconciliations add column if not exists problem text;
