-- Reports for the people who pay for the telephone: some hundred small rows a day, so that a page reads these and not a million calls. They are
-- computed from the ledger by followups, and hold no person who has called: ids of lines, teams, agents, companies and opportunities, and words of
-- the AI's topics. docs/reports.md says what each figure means.

create table report_days (
    -- In TIME_ZONE.
    day         date primary key,
    -- The zone of that time.
    zone        text not null,
    -- Since then the figures are those of the ledger. Null: they are not computed yet.
    computed_at timestamptz,
    -- How many calls they count: of a day whose calls are partly erased by age, a later count can only be larger.
    calls       integer not null default 0,
    -- How often something of the day has changed late, and how much of that the figures know.
    changes     integer not null default 0,
    known       integer not null default 0
);

create table report_figures (
    -- all, hour, line, team, agent, company, opportunity, topic.
    part           text not null,
    day            date not null,
    -- The hour, Aircall's or Sellsy's id, or the topic in small letters; empty for all.
    key            text not null,
    -- Counts of calls, and of seconds.
    inbound        integer not null,
    answered       integer not null,
    missed         integer not null,
    voicemail      integer not null,
    not_called_back integer not null,
    waited_s       integer not null,
    within_10_s    integer not null,
    within_20_s    integer not null,
    within_30_s    integer not null,
    within_60_s    integer not null,
    outbound       integer not null,
    reached        integer not null,
    talked_s       integer not null,
    tagged         integer not null,
    noted          integer not null,
    with_insights  integer not null,
    known          integer not null,
    first_contact  integer not null,
    positive       integer not null,
    neutral        integer not null,
    negative       integer not null,
    primary key (part, day, key)
);

-- Companies, opportunities and topics with the most calls of the last 30, 90 and 365 days, added up once an hour: for a year these are hundreds of
-- thousands of rows.
create table report_tops (
    part        text not null,
    days        integer not null,
    key         text not null,
    inbound     integer not null,
    missed      integer not null,
    outbound    integer not null,
    talked_s    integer not null,
    computed_at timestamptz not null,
    primary key (part, days, key)
);

-- What these are called now.
create table report_names (
    part text not null,
    key  text not null,
    name text not null,
    -- Of whose calls the name is: an older one does not replace it.
    day  date not null,
    primary key (part, key)
);

-- Up to which line the timeline was searched for calls that changed late, at the last two turns. One row, or none.
create table report_turns (
    only_row boolean primary key default true check (only_row),
    before   bigint not null,
    last     bigint not null
);

-- The weekly message, by the first day after the week.
create table report_messages (
    receiver     text not null,
    week         date not null,
    sent_at      timestamptz,
    -- Until then nobody else sends it: a process does, or the last one has failed and the next one waits.
    trying_until timestamptz,
    failures     integer not null default 0,
    primary key (receiver, week)
);
