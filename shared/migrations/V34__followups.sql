-- What follows from a call beside its log: a task in Sellsy for missed calls of somebody, or for an action item of the AI. What the task says
-- follows from the calls and the rules; here is only which there are, and what was done about each.
create table followups (
    -- missed:<call>, the first of these calls that was seen, or action_item:<call>:<item>.
    key         text primary key,
    -- In whose story it is told.
    call_id     bigint not null,
    -- The missed calls that are this one.
    calls       bigint[] not null,
    -- Who has called, for missed calls: what is still open is found by it.
    number      text,
    created_at  timestamptz not null default now(),
    -- A ledger that was lost may have made its task: that is looked for first.
    may_exist   boolean not null,
    -- When something is to be done, and when it is handed on again if that was lost.
    due_at      timestamptz,
    lease       uuid,
    lease_until timestamptz,
    -- Since when the outcome of its creation is unclear.
    intent_at   timestamptz,
    sellsy_id   bigint,
    -- Of what was last written, and the task as it stood then; as it stands if a write whose outcome is unclear was carried out.
    digest      text,
    stands      jsonb,
    writing     jsonb,
    -- Why nothing follows any more.
    over        text check (over in ('done', 'not_needed', 'left_alone', 'deleted'))
);
create index followups_due on followups (due_at) where due_at is not null;
create index followups_number on followups (number) where number is not null;
create index followups_call on followups (call_id);
