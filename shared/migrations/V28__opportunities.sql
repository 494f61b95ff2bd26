-- Which opportunities are open or late, as Sellsy said last: so that a call needs no request to know on which one it is logged.

create table directory_opportunities (
    -- Sellsy's id.
    id            bigint primary key,
    -- Whose it is: exactly one of the two.
    company_id    bigint,
    individual_id bigint,
    name          text not null,
    -- In Sellsy's word: open or late.
    status        text not null,
    -- Null: Sellsy's answer did not say.
    created_at    timestamptz,
    -- When it was last read.
    seen_at       timestamptz not null default clock_timestamp()
);
create index directory_opportunities_of_a_company on directory_opportunities (company_id) where company_id is not null;
create index directory_opportunities_of_an_individual on directory_opportunities (individual_id) where individual_id is not null;

-- How far they are known. One row.
create table opportunities_read (
    only_row boolean primary key default true check (only_row),
    -- All that Sellsy knew of at this moment has been read. Null: something may be missing, so Sellsy is asked for each call.
    read_at  timestamptz,
    -- When the last reading of all of them began, not only of those that had changed. Null: never.
    pass_at  timestamptz,
    -- The greatest id that such readings have seen: new ones have greater ids.
    newest   bigint not null default 0,
    -- When all of them were last to be read again, because something may be missing that changes do not show.
    pass_requested_at timestamptz not null default '-infinity'
);
insert into opportunities_read default values;

-- Opportunities that Sellsy has reported as changed, until they are read. Beside directory_hints, because an older resolver passes over
-- what it does not know there, with all that comes after.
create table opportunity_hints (
    id       bigint primary key,
    -- The last time that it was reported; a later report than the one that is being handled keeps the row.
    noted_at timestamptz not null default now()
);
