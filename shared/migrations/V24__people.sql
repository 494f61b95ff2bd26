-- What people write into a log in Sellsy stays. To tell their words from ours, an update compares what stands there with what Callbridge had
-- left, and reading that for many logs at once costs one request.

-- Each log as it was after Callbridge had written it last.
create table logs_as_left (
    call_id    bigint primary key,
    -- When Sellsy made the log, by Sellsy's clock: logs are searched by it. Null: its answer did not say.
    created_at timestamptz,
    -- ledger::calls::AsLeft
    log        jsonb not null
);

-- When changes of logs are written: at times that are at least LOG_UPDATES_EVERY apart, many logs together. One row.
create table log_updates (
    only_row boolean primary key default true check (only_row),
    -- The first of the times that follow each other without a gap, and the last one that a change waits for.
    first_at timestamptz not null default '-infinity',
    last_at  timestamptz not null default '-infinity'
);
insert into log_updates default values;
