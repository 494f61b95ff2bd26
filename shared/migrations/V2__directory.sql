-- The phone directory: what Sellsy knows of everybody who can call, and under which numbers.
create table directory_records (
    kind         text not null,
    id           bigint not null,
    -- Name, type, owner and so on, as a look-up returns them.
    record       jsonb not null,
    archived     boolean not null,
    -- When Sellsy says that it changed last, and when we read it last.
    updated_at   timestamptz,
    seen_at      timestamptz not null default now(),
    -- A contact's companies are asked for when it first calls.
    companies    jsonb,
    companies_at timestamptz,
    primary key (kind, id)
);

create table directory_numbers (
    number text not null,
    kind   text not null,
    id     bigint not null,
    primary key (number, kind, id),
    foreign key (kind, id) references directory_records on delete cascade
);
create index directory_numbers_of_a_record on directory_numbers (kind, id);

-- How far the synchronisation of each kind is. A pass reads everything; in between only changes are read.
create table directory_sync (
    kind            text primary key,
    -- The first pass was completed; until then Sellsy is asked live.
    loaded_at       timestamptz,
    -- The pass that is under way or was the last: where it is, and how much it has read of how much.
    pass_started_at timestamptz,
    pass_ended_at   timestamptz,
    pass_cursor     text,
    pass_rows       bigint not null default 0,
    pass_total      bigint,
    -- Changes before this moment have been read.
    changes_until   timestamptz,
    problem         text
);

-- Numbers that nobody had when Sellsy was asked, so that it is not asked again at once.
create table directory_misses (
    number text primary key,
    until  timestamptz not null
);

-- A call that nobody was found for, by its number: it is logged when a record with that number appears.
alter table calls add column unmatched_number text;
create index calls_unmatched on calls (unmatched_number) where unmatched_number is not null;
-- The log was refused because of a record that is gone; the call was resolved again once.
alter table calls add column reopened_at timestamptz;
