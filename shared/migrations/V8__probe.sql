-- The probes of an API that is away go through its windows as well, although everybody is paused.

-- The API answers nobody. In contrast to a refusal (budget_pause) this says nothing of its windows: what was taken stays
-- taken, and when the pause is over the pace goes on where it was.
create function budget_away(p_api text, p_after_s float8, p_why text) returns void
language sql as $$
    update budgets
       set paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => p_after_s)),
           paused_why = case when paused_until > clock_timestamp() then paused_why else p_why end
     where api = p_api;
$$;

-- A request of the lane of ringing calls for whoever looks whether the API is back: only the pause for this reason is
-- looked over, no window and no other pause.
create function budget_probe(p_api text, p_why text, out granted int, out wait_s float8, out why text)
language plpgsql as $$
declare
    budget budgets;
begin
    select * into budget from budgets where api = p_api for update;
    if budget.paused_why = p_why and budget.paused_until > clock_timestamp() then
        update budgets set paused_until = '-infinity' where api = p_api;
        select * into granted, wait_s, why from budget_take(p_api, 0, 1);
        update budgets set paused_until = budget.paused_until where api = p_api;
    else
        select * into granted, wait_s, why from budget_take(p_api, 0, 1);
    end if;
end $$;
