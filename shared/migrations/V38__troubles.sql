-- Alerts have several receivers, and say as well that something is over. So what is wrong is kept apart from what each receiver was told of it.
-- Ingests of the version before read and write `alerts`, which is dropped a version later.
create table troubles (
    -- As in the messages: parked, worker_gone and so on.
    kind    text not null,
    -- What it is about: a worker, a stage, an API.
    subject text not null,
    -- What was counted at the last look.
    amount  bigint not null,
    -- Since when it has been wrong; null if all is well.
    since   timestamptz,
    -- When it was last seen, while it has not been wrong for long enough to count; null once it counts.
    seen_at timestamptz,
    -- Since when it has been well again; null while it is wrong.
    until   timestamptz,
    primary key (kind, subject)
);

create table alerts_told (
    -- webhook, slack, teams, mail.
    receiver     text not null,
    kind         text not null,
    -- How many messages it has got. Who sends the next one claims it by this number.
    messages     bigint not null default 0,
    -- How bad it was by the last message, or less if it has become less since; 0 if it was told that it is over.
    level        bigint not null default 0,
    -- When it was last told that something is wrong.
    told_at      timestamptz,
    -- Since when it has been wrong by that message; null if nothing is, as far as the receiver knows.
    since        timestamptz,
    -- Until then nobody else sends: a process does, or the last one has failed and the next one waits.
    trying_until timestamptz,
    -- In a row.
    failures     integer not null default 0,
    primary key (receiver, kind)
);

-- What the webhook was told is not told again because of the upgrade.
insert into alerts_told (receiver, kind, messages, level, told_at, since)
select 'webhook', kind, 1, level, told_at, case when level > 0 then told_at end from alerts where told_at > '-infinity';
