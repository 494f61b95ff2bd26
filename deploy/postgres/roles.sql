-- Two roles instead of one that may do everything: this one migrates, and the workers, the console and `callbridge` only read and write rows.
--
-- Run it once, as the owner of the database, after `callbridge migrate`; give the role a password first:
--
--   create role callbridge_worker login password '...';
--   psql "$OWNERS_DATABASE_URL" -f deploy/postgres/roles.sql
--
-- From then on the workers' DATABASE_URL names callbridge_worker, and each new version begins with `callbridge migrate` as the owner.

grant usage on schema public to callbridge_worker;
grant select, insert, update, delete on all tables in schema public to callbridge_worker;
grant usage, select on all sequences in schema public to callbridge_worker;
grant execute on all functions in schema public to callbridge_worker;
-- What later migrations of this owner create.
alter default privileges in schema public grant select, insert, update, delete on tables to callbridge_worker;
alter default privileges in schema public grant usage, select on sequences to callbridge_worker;
alter default privileges in schema public grant execute on functions to callbridge_worker;
-- Which migrations were applied is read, and written only by the owner.
revoke insert, update, delete on refinery_schema_history from callbridge_worker;
