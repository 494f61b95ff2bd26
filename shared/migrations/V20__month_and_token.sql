-- A month's limit is kept like a day's, all processes share Sellsy's token, and no pause lasts longer than an API is believed.

-- The access token of an API, encrypted with a key that is derived from the client secret.
create table tokens (
    api           text primary key,
    -- Null: no token is stored.
    sealed        bytea,
    renew_at      timestamptz not null default '-infinity',
    -- One process at a time fetches a token. A more urgent lane (a smaller number) takes the claim over until the request is
    -- being sent (lane -1).
    claimed_by    uuid,
    claimed_lane  int not null default 0,
    claimed_until timestamptz not null default '-infinity'
);

-- The requests that count towards a day or a month: those of the last 25 hours, and of the calendar month (UTC).
create function budget_used(p_api text, p_span text, p_at timestamptz) returns bigint
language sql stable as $$
    select coalesce(sum(n), 0)::bigint
      from budget_spent s
     where s.api = p_api
       and s.span = case p_span when 'month' then 'day' else 'hour' end
       and s.at >= case p_span when 'month' then date_trunc('month', p_at, 'UTC')
                               else date_trunc('hour', p_at - interval '25 hours') + interval '1 hour' end;
$$;

-- As in V4, with windows of a month.
create or replace function budget_take(p_api text, p_lane int, p_want int, out granted int, out wait_s float8, out why text)
language plpgsql as $$
declare
    budget budgets;
    t timestamptz;
begin
    select * into budget from budgets where api = p_api for update;
    if not found then
        return;
    end if;
    -- Only now that the row is locked: an earlier holder may have taken requests.
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
               case when w.cap is not null then w.cap[p_lane + 1] - budget_used(p_api, w.span, t) end as remaining
          from budget_windows w
         where w.api = p_api
    ), fits as (
        select span,
               case when every_s is null then remaining
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
                                    (p_api, 'hour', date_trunc('hour', t), p_lane, granted),
                                    (p_api, 'day', date_trunc('day', t, 'UTC'), p_lane, granted)
    on conflict (api, span, at, lane) do update set n = budget_spent.n + excluded.n;
end $$;

-- As in V4, with windows of a month: how few of its requests remain is repeated by every answer, so ten seconds are enough.
create or replace function budget_told(p_api text, p_span text, p_remaining int, p_floor int) returns void
language plpgsql as $$
declare
    w budget_windows;
    t timestamptz := clock_timestamp();
    ours bigint;
    enough_left_at timestamptz;
begin
    select * into w from budget_windows where api = p_api and span = p_span;
    if not found then
        return;
    end if;
    if p_span = 'month' then
        ours := budget_used(p_api, p_span, t);
    else
        -- A little too many: the second that is just ending, and what is in flight. So we alone never hold ourselves.
        with own as (
            select at, sum(n) over (order by at) as up_to from (
                select at, sum(n) as n from budget_spent
                 where api = p_api and span = case when w.cap is null then 'second' else 'hour' end
                   and at > t - make_interval(secs => w.length_s + 1)
                 group by at) by_time
        )
        select coalesce(max(up_to), 0), min(at) filter (where up_to >= p_floor - p_remaining) + make_interval(secs => w.length_s)
          into ours, enough_left_at from own;
    end if;
    if ours + p_remaining >= w.max_requests then
        return;
    end if;
    update budgets
       set held_until = greatest(held_until, least(t + interval '10 seconds', coalesce(enough_left_at, 'infinity'))),
           held_why = 'other applications use this ' || p_span || '''s requests'
     where api = p_api;
end $$;

-- An earlier version believed any wait that an API asked for.
-- lint: allow rows: one row for each API, and two more for its windows
update budgets set paused_until = least(paused_until, now() + interval '1 hour') where paused_until > now();
-- lint: allow rows: one row for each API and window
update budget_windows set next_at = least(next_at, now() + interval '1 hour') where next_at > now();
