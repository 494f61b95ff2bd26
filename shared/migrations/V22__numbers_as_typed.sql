-- A field may have several numbers, one that is read differently on the lines of another country, or none at all.

-- The number is this one only for calls of this country's lines; null: for all calls.
alter table directory_numbers add column if not exists only_for text;

-- Fields with digits in which no number was found, for the people who correct the records. Goes with its record.
create table directory_unread (
    kind    text not null,
    id      bigint not null,
    -- A code of phone::Problem.
    problem text not null,
    -- What was typed, masked.
    typed   text not null,
    primary key (kind, id, typed),
    foreign key (kind, id) references directory_records on delete cascade
);

-- Numbers are read by another rule: every record is read once more, in the background.
-- lint: allow rows: three rows, one of each kind
update directory_sync set pass_requested_at = now();
