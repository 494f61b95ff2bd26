-- Smart-tags, steps of opportunities and prospects follow from calls as well.

-- What a row changes in Sellsy that others may want to change, too: one at a time.
alter table followups add column target text;
-- lint: allow index: the table has few rows, and none in an installation that has not turned such rules on.
create index followups_target on followups (target) where target is not null;

-- lint: allow index: the same
create unique index followups_prospect on followups (number) where key like 'prospect:%' and over is distinct from 'not_needed';
