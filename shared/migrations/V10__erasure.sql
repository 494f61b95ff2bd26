-- The data of a call are deleted when they are too old (RETENTION_DAYS) or somebody asks for it (callbridge forget). What stays
-- is a row that says so: its id and that of its log in Sellsy, so that a late event never makes a second log.
alter table calls add column erased_at timestamptz;
create index calls_to_erase on calls (created_at) where erased_at is null;
