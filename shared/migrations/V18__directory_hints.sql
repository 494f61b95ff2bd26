-- Sellsy reports changes one by one: an import of 10,000 contacts, 10,000 times. Read one after the other between the calls that
-- had ended, these kept logs waiting for hours. Here they wait by themselves, each record once.
create table if not exists directory_hints (
    kind text not null,
    id bigint not null,
    -- The last time that the record was reported; a later report than the one that is being handled keeps the row.
    noted_at timestamptz not null default now(),
    primary key (kind, id)
);
