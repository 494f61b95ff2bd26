-- When the ledger took over from another one was known of the last time only. Two failovers within minutes are not rare (there and back), and what
-- the first one lost was then looked for as late as all other calls of that hour.
alter table ledger_is add column if not exists earlier timestamptz[] not null default '{}';

create or replace function ledger_noted() returns void language plpgsql security definer set search_path from current as $$
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
       set server = excluded.server, timeline = excluded.timeline, database = excluded.database, since = excluded.since,
           earlier = array(select at from unnest(old.earlier || old.since) at where at > now() - interval '3 hours')
     where (old.server, old.timeline, old.database) is distinct from (excluded.server, excluded.timeline, excluded.database);
end $$;
