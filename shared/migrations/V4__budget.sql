-- One budget per API, shared by all processes. An API allows so many requests in a second, a minute, a day; a process
-- takes from all of its windows at once (budget_take) before it sends. The clock is this server's and nobody else's.
create table budgets (
    api          text primary key,
    -- The API refused a request: nobody sends until then.
    paused_until timestamptz not null default '-infinity',
    paused_why   text,
    refusals     int not null default 0,
    -- Other applications are about to use up the quota: only calls that are ringing go on.
    held_until   timestamptz not null default '-infinity',
    held_why     text,
    -- What the API told of its own limits, and when somebody last asked.
    told         jsonb not null default '{}',
    told_at      timestamptz
) with (fillfactor = 50);

create table budget_windows (
    api          text not null references budgets on delete cascade,
    span         text not null,
    length_s     float8 not null,
    max_requests int not null,
    -- Paced windows (second, minute): a request every so many seconds, and how many may go at once, by lane.
    every_s      float8,
    burst        int[],
    next_at      timestamptz not null default '-infinity',
    -- Counted windows (day): how many there may be in all, by lane.
    cap          int[],
    primary key (api, span)
) with (fillfactor = 50);

-- What was sent, by second for the minute that is shown and by hour for the day that is counted.
create table budget_spent (
    api  text not null,
    span text not null,
    at   timestamptz not null,
    lane int not null,
    n    int not null,
    primary key (api, span, at, lane)
) with (fillfactor = 50);

-- How many requests wait in each process, for people.
create table budget_waiting (
    process uuid not null,
    api     text not null,
    lane    int not null,
    worker  text not null,
    waiting int not null,
    seen_at timestamptz not null default now(),
    primary key (process, api, lane)
);

-- Takes up to p_want requests from every window of an API, or says how long until it is worth asking again. Lanes: 0 is
-- interactive, 1 bulk, 2 background. granted is null when nobody has declared this API's windows yet.
create function budget_take(p_api text, p_lane int, p_want int, out granted int, out wait_s float8, out why text)
language plpgsql as $$
declare
    budget budgets;
    t timestamptz;
begin
    select * into budget from budgets where api = p_api for update;
    if not found then
        return;
    end if;
    -- Not before the lock is ours: whoever had it may have taken what we would count on.
    t := clock_timestamp();
    granted := 0;
    if budget.paused_until > t then
        wait_s := extract(epoch from budget.paused_until - t);
        why := budget.paused_why;
        return;
    elsif p_lane > 0 and budget.held_until > t then
        wait_s := extract(epoch from budget.held_until - t);
        why := budget.held_why;
        return;
    end if;
    with windows as (
        select w.span, w.burst[p_lane + 1] as burst, w.every_s,
               extract(epoch from greatest(w.next_at, t) - t) as ahead_s,
               case when w.cap is not null then
                   w.cap[p_lane + 1] - (select coalesce(sum(n), 0) from budget_spent s
                                         where s.api = p_api and s.span = 'hour' and s.at > t - interval '25 hours')
               end as left_today
          from budget_windows w
         where w.api = p_api
    ), fits as (
        select span,
               case when every_s is null then left_today
                    -- A thousandth, because a wait that was slept to the microsecond must be enough.
                    else floor(burst - ahead_s / every_s + 0.001) end as n,
               case when every_s is null then extract(epoch from date_trunc('hour', t) + interval '1 hour' - t)
                    else ahead_s - (burst - 1) * every_s end as wait_s
          from windows
    )
    select least(p_want, f.n), f.wait_s, f.span into granted, wait_s, why
      from fits f order by f.n < 1 desc, case when f.n < 1 then -f.wait_s else f.n end limit 1;
    if granted < 1 then
        granted := 0;
        why := 'the ' || why || '''s requests are used';
        return;
    end if;
    wait_s := 0;
    why := null;
    update budget_windows set next_at = greatest(next_at, t) + make_interval(secs => granted * every_s)
     where api = p_api and every_s is not null;
    insert into budget_spent values (p_api, 'second', date_trunc('second', t), p_lane, granted),
                                    (p_api, 'hour', date_trunc('hour', t), p_lane, granted)
    on conflict (api, span, at, lane) do update set n = budget_spent.n + excluded.n;
end $$;

-- The API refused a request (429). Nobody sends for p_after_s, or, if it did not say for how long, twice as long each time
-- that it happens again within a minute. What was in flight at that moment is refused as well and counts once.
create function budget_pause(p_api text, p_after_s float8, p_why text) returns void
language plpgsql as $$
declare
    budget budgets;
    t timestamptz;
    again int;
    until timestamptz;
begin
    select * into budget from budgets where api = p_api for update;
    t := clock_timestamp();
    if not found or (p_after_s is null and budget.paused_until > t) then
        return;
    end if;
    again := case when budget.paused_until > t - interval '1 min' then budget.refusals + (budget.paused_until <= t)::int else 1 end;
    until := t + make_interval(secs => coalesce(p_after_s, least(60, power(2, again))));
    update budgets set paused_until = greatest(paused_until, until), paused_why = p_why, refusals = again where api = p_api;
    -- Afterwards requests go out one by one, whoever waited.
    update budget_windows set next_at = greatest(next_at, until) where api = p_api and every_s is not null;
end $$;

-- The API says how little is left in a window, less than p_floor. If we have not used the rest ourselves, others do, and only
-- ringing calls may spend what is left: until so many of our own requests have left the window that the floor is there again,
-- but not longer than ten seconds, because only an answer tells how it goes on.
create function budget_told(p_api text, p_span text, p_remaining int, p_floor int) returns void
language plpgsql as $$
declare
    w budget_windows;
    t timestamptz := clock_timestamp();
    ours int;
    enough_left_at timestamptz;
begin
    select * into w from budget_windows where api = p_api and span = p_span;
    if not found then
        return;
    end if;
    -- A little too many: the second that is just leaving, and what is still on its way. So alone we never hold ourselves.
    with own as (
        select at, sum(n) over (order by at) as up_to from (
            select at, sum(n) as n from budget_spent
             where api = p_api and span = case when w.cap is null then 'second' else 'hour' end
               and at > t - make_interval(secs => w.length_s + 1)
             group by at) by_time
    )
    select coalesce(max(up_to), 0), min(at) filter (where up_to >= p_floor - p_remaining) + make_interval(secs => w.length_s)
      into ours, enough_left_at from own;
    if ours + p_remaining >= w.max_requests then
        return;
    end if;
    update budgets
       set held_until = greatest(held_until, least(t + interval '10 seconds', coalesce(enough_left_at, 'infinity'))),
           held_why = 'other applications use this ' || p_span || '''s requests'
     where api = p_api;
end $$;
