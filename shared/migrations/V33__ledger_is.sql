-- After a failover to a replica that lacked something, or after a restore, the ledger is older than the world: it may not know of logs that it wrote a
-- moment ago. PostgreSQL says so in two ways: a promoted replica begins a new timeline, and a dump is restored into another database. What the ledger
-- was when a worker last connected is stored here, and since when.
create table ledger_is (
    only_row boolean primary key default true check (only_row),
    timeline text not null,
    database oid not null,
    since    timestamptz not null
);

-- Each worker calls this on each new connection.
create function ledger_noted() returns void language plpgsql as $$
declare
    this_timeline text;
    this_database oid;
begin
    begin
        this_timeline := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
    exception when others then
        -- Some services that speak PostgreSQL's protocol have none.
        this_timeline := '';
    end;
    select oid into this_database from pg_database where datname = current_database();
    perform from ledger_is where timeline = this_timeline and database = this_database;
    if found then
        return;
    end if;
    insert into ledger_is as old (timeline, database, since) values (this_timeline, this_database, now())
    on conflict (only_row) do update set timeline = excluded.timeline, database = excluded.database, since = excluded.since
     where (old.timeline, old.database) is distinct from (excluded.timeline, excluded.database);
end $$;

select ledger_noted();
-- What was before is as old as the calls in it.
update ledger_is set since = '-infinity';
