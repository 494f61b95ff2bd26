-- What the log is in Sellsy: phone_call, or comment where phone calls cannot be written (LOG_FALLBACK). It stands here
-- from the intent on.
alter table calls add column log_form text;
update calls set log_form = 'phone_call' where sellsy_id is not null or intent_at is not null;
-- How often the log was written, and until when changes since the last write are gathered.
alter table calls add column writes integer not null default 0;
update calls set writes = 1 where sellsy_id is not null;
alter table calls add column due_at timestamptz;
-- Sellsy takes neither the log's old links nor those of the new look-up: updates leave them as they are in Sellsy.
alter table calls add column links_refused_at timestamptz;
