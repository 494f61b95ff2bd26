-- A call's row is written some five times within a minute. What the console searches by was in that row, with five indexes, and so was the
-- time at which the ledger hands it on: nearly every write changed one of these, and then PostgreSQL writes the whole row and all
-- indexes of the table again. Now they are in two tables beside it, and a plain call writes each of these once. Triggers keep them, so
-- workers of older versions need not know.
set local lock_timeout = '3s';
-- The strongest lock that is needed comes first: to ask for it at the end, while statements wait that hold a weaker one, is a deadlock.
-- lint: allow lock: all of this takes a tenth of a second
lock table calls in access exclusive mode;

-- What the console searches calls by, newest first: a call has a row from the first moment at which nothing is left to do for it.
create table calls_searched (
    call_id          bigint primary key,
    started_at       timestamptz not null,
    state            text not null,
    -- Null: none is known, as below.
    agent            text,
    -- As the timeline names it: individual 2001.
    record           text,
    -- The digits of the number backwards: an index finds its last ones, and one that is written without country code.
    caller_backwards text
) with (fillfactor = 90);
create index calls_searched_by_time on calls_searched (started_at, call_id);
create index calls_searched_by_state on calls_searched (state, started_at, call_id) where state <> 'logged';
create index calls_searched_by_agent on calls_searched (agent, started_at, call_id) where agent is not null;
create index calls_searched_by_record on calls_searched (record, started_at, call_id) where record is not null;
create index calls_searched_by_caller on calls_searched (caller_backwards text_pattern_ops, started_at, call_id)
    where caller_backwards is not null;

-- Calls for which something is left to do, or that go on. They are few, so all of them are read, and there is no index.
create table calls_open (
    call_id          bigint primary key,
    -- Not later than calls.hand_on_at, and seldom the same: it is set right when it has passed. Null: there is none.
    hand_on_at       timestamptz,
    -- As in calls_searched.
    caller_backwards text
) with (fillfactor = 70);

-- How far the calls from before are entered into these tables: ids up to this one. No row: all are.
create table calls_to_enter (
    only_row boolean primary key default true check (only_row),
    up_to    bigint not null
);
insert into calls_to_enter (up_to) select -9223372036854775808 where exists (select from calls);

-- The row of a call in calls_searched.
create function calls_searched_of(c calls) returns setof calls_searched language sql stable as $$
    -- Times in snapshots are seconds. The database heard of a call without one when its row was made.
    select c.call_id,
           coalesce(to_timestamp(
               case when jsonb_typeof(c.snapshot->'started_at') = 'number' then (c.snapshot->>'started_at')::float8 end), c.created_at),
           case when c.parked > 0 then 'parked'
                when c.gone_at is not null then 'deleted'
                when c.sellsy_id is not null then 'logged'
                when c.resolved_at is not null and c.resolution->'record'->>'id' is null then 'unmatched'
                when c.resolved_at is not null then 'unlogged'
                when c.snapshot->>'ended_at' is not null or c.snapshot->>'status' = 'done' then 'undecided'
                else 'ongoing' end,
           coalesce(c.snapshot->'user'->>'name', c.snapshot->'user'->>'email'),
           (c.resolution->'record'->>'kind') || ' ' || (c.resolution->'record'->>'id'),
           nullif(reverse(regexp_replace(coalesce(c.snapshot->>'raw_digits', ''), '\D', '', 'g')), '')
$$;

-- Enters a call into the two tables, as it is now. Whoever calls this holds the lock of the call's row.
create function calls_entered(c calls) returns void language plpgsql as $$
declare
    s calls_searched;
begin
    select * into s from calls_searched_of(c);
    if c.erased_at is not null or c.hand_on_at is null and s.state not in ('ongoing', 'undecided', 'unlogged') then
        delete from calls_open where call_id = c.call_id;
        perform from calls_searched where call_id = c.call_id;
        if not found then
            insert into calls_searched values (s.*);
            return;
        end if;
    else
        update calls_open o
           set hand_on_at = least(o.hand_on_at, c.hand_on_at), caller_backwards = s.caller_backwards
         where o.call_id = c.call_id
           and (o.hand_on_at > c.hand_on_at or o.hand_on_at is null and c.hand_on_at is not null
                or o.caller_backwards is distinct from s.caller_backwards);
        if not found then
            perform from calls_open where call_id = c.call_id;
            if not found then
                insert into calls_open values (c.call_id, c.hand_on_at, s.caller_backwards);
            end if;
        end if;
    end if;
    update calls_searched x
       set started_at = s.started_at, state = s.state, agent = s.agent, record = s.record, caller_backwards = s.caller_backwards
     where x.call_id = c.call_id and x is distinct from s;
end $$;

create function calls_changed() returns trigger language plpgsql as $$
declare
    s calls_searched;
begin
    if tg_op = 'UPDATE' then
        perform calls_entered(new);
    elsif tg_op = 'DELETE' then
        delete from calls_searched where call_id = old.call_id;
        delete from calls_open where call_id = old.call_id;
    else
        select * into s from calls_searched_of(new);
        if new.erased_at is not null or new.hand_on_at is null and s.state not in ('ongoing', 'undecided', 'unlogged') then
            insert into calls_searched values (s.*);
        else
            -- Its end will come, and leave something to do, but not before this time.
            insert into calls_open values (new.call_id, coalesce(new.hand_on_at, now() + interval '75 minutes'), s.caller_backwards);
        end if;
    end if;
    return null;
end $$;
create trigger calls_made after insert or delete on calls for each row execute function calls_changed();
create trigger calls_changed after update on calls for each row
    when (new.hand_on_at is null and old.hand_on_at is not null or new.hand_on_at < old.hand_on_at
          or new.hand_on_at is not null and old.hand_on_at is null
          or new.snapshot is distinct from old.snapshot or new.resolution is distinct from old.resolution
          or (new.resolved_at is null) <> (old.resolved_at is null) or (new.sellsy_id is null) <> (old.sellsy_id is null)
          or (new.gone_at is null) <> (old.gone_at is null) or (new.erased_at is null) <> (old.erased_at is null)
          or new.parked <> old.parked or new.created_at <> old.created_at)
    execute function calls_changed();

-- Calls that may have to be handed on do not wait until all are entered. Nobody writes calls since the triggers were made: 0.1 s for as many
-- as these, and there are seldom so many.
insert into calls_open
select c.call_id, c.hand_on_at, s.caller_backwards
  from calls c, lateral calls_searched_of(c) s
 where c.call_id in (select call_id from calls where hand_on_at is not null order by hand_on_at limit 20000);

-- The columns from before are kept for calls that are not entered yet, and hold nothing of a call that is erased.
create or replace function calls_searched_by() returns trigger language plpgsql as $$
begin
    new.started_at := null;
    new.state := null;
    new.agent := null;
    new.record := null;
    new.caller_backwards := null;
    return new;
end $$;
create or replace trigger calls_searched_by before update of erased_at on calls
    for each row when (new.erased_at is not null) execute function calls_searched_by();

-- The console reads the same as before, of entered calls (first part), open ones, and those that are not entered yet. The first part has
-- no join and no condition, so that the planner sees its indexes.
create or replace view console_calls as
    select s.call_id, s.started_at, s.state, s.agent, s.record, s.caller_backwards,
           (select c.snapshot from calls c where c.call_id = s.call_id) as snapshot,
           (select c.resolution from calls c where c.call_id = s.call_id) as resolution,
           (select c.sellsy_id from calls c where c.call_id = s.call_id) as sellsy_id,
           (select c.resolved_at from calls c where c.call_id = s.call_id) as resolved_at
      from calls_searched s
    union all
    select o.call_id, f.started_at, f.state, f.agent, f.record, o.caller_backwards,
           c.snapshot, c.resolution, c.sellsy_id, c.resolved_at
      from calls_open o join calls c on c.call_id = o.call_id, lateral calls_searched_of(c) f
     where not exists (select from calls_searched s where s.call_id = o.call_id)
    union all
    select c.call_id, coalesce(c.started_at, c.created_at), c.state, c.agent, c.record, c.caller_backwards,
           c.snapshot, c.resolution, c.sellsy_id, c.resolved_at
      from calls c
     where exists (select from calls_to_enter)
       and not exists (select from calls_searched s where s.call_id = c.call_id)
       and not exists (select from calls_open o where o.call_id = c.call_id);

-- A write of the row leaves the indexes alone only if no index has a column that it changes, and only if the new version fits on its page.
drop index calls_to_hand_on;
drop index calls_by_state;
