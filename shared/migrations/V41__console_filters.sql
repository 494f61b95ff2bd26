-- Filters of calls that people have saved under a name at the console.
create table console_filters (
    who     text not null,
    name    text not null,
    -- Of the list: /calls?state=unmatched
    address text not null,
    -- What was searched for: it may be a number, which `callbridge forget` looks for.
    typed   text not null,
    primary key (who, name)
);
