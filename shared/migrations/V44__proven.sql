-- What `callbridge prove` has found out on the user's own accounts because no document says it. The workers go by it.
create table proven (
    -- aircall, sellsy.
    vendor   text not null,
    -- A digest of the API's address and of the client's id: what was found on another account says nothing about this one.
    account  text not null,
    question text not null,
    answer   jsonb not null,
    found_at timestamptz not null default now(),
    primary key (vendor, account, question)
);
