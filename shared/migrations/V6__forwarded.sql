-- The number outside to which a call was passed on. Aircall tells it in one event only; later views of the call lack it.
alter table calls
    add column forwarded_to text,
    add column forwarded_at timestamptz;
