-- What has to happen for a call follows from its row, and a message only makes it happen sooner. If that message is lost, with its
-- queue or before it was published, the ledger hands the call on again.
set local lock_timeout = '3s';
alter table calls
    -- When that is due, unless what the row asks for has been done before. Null: nothing is left to do. Each step sets it anew.
    add column hand_on_at timestamptz,
    -- How often that was done since a worker has last finished its work on the call.
    add column hand_ons smallint not null default 0,
    -- Kinds of Aircall's insight events that came and whose insight has not been found yet. Null: none.
    add column insights_awaited text[];
-- lint: allow index: partial, and no row belongs to it yet: 0.1 s on a million calls
create index calls_to_hand_on on calls (hand_on_at) where hand_on_at is not null;
