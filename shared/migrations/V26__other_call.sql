-- A call that is transferred to another line of the company goes on as a second call. Each of the two knows the other.
set local lock_timeout = '3s';
alter table calls
    -- The other call of the transfer. Null: there is none, or it was not found.
    add column if not exists other_call bigint;
-- Calls that were transferred to a number, for as long as the other call may come.
-- lint: allow index: few calls are transferred outside, so reading a million of them for it takes half a second
create index if not exists calls_forwarded on calls (forwarded_at) where forwarded_to is not null and other_call is null;
