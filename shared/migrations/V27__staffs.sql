-- The card says who owns the caller's record. The logger reads the staffs of Sellsy anyway, once an hour; their names are kept for the card, so
-- that it costs no request.
create table staffs (
    -- Sellsy's id.
    id   bigint primary key,
    name text not null
);
