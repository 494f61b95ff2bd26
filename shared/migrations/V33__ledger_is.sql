-- After a failover to a replica that lacked something, or after a restore, the ledger is older than the world: it may not know of logs that it wrote a
-- moment ago. PostgreSQL says so: a promoted replica begins a new timeline, another server has another identifier, and a dump is restored into another
-- database. What the ledger was when a worker last connected is stored here, and since when.
create table ledger_is (
    only_row boolean primary key default true check (only_row),
    server   text not null,
    timeline text not null,
    database oid not null,
    since    timestamptz not null
);

-- Each worker calls this on each new connection. With the owner's rights, because those of the workers are needed for the first time in the moment of a
-- failover.
create function ledger_noted() returns void language plpgsql security definer set search_path from current as $$
declare
    this_server   text := '';
    this_timeline text := '';
    this_database oid;
begin
    -- Some services that speak PostgreSQL's protocol do not have these.
    begin
        this_server := (select system_identifier::text from pg_control_system());
    exception when others then
        null;
    end;
    begin
        this_timeline := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
    exception when others then
        null;
    end;
    select oid into this_database from pg_database where datname = current_database();
    perform from ledger_is where server = this_server and timeline = this_timeline and database = this_database;
    if found then
        return;
    end if;
    insert into ledger_is as old (server, timeline, database, since) values (this_server, this_timeline, this_database, now())
    on conflict (only_row) do update
       set server = excluded.server, timeline = excluded.timeline, database = excluded.database, since = excluded.since
     where (old.server, old.timeline, old.database) is distinct from (excluded.server, excluded.timeline, excluded.database);
end $$;

-- Whatever is in it, this may be a dump from before, or an empty ledger in place of one that was lost. Only who has just made the database can know that
-- nothing was ever logged: alter database … set callbridge.logged_nothing = 'yes'.
select ledger_noted();
update ledger_is set since = '-infinity' where current_setting('callbridge.logged_nothing', true) = 'yes';
