-- A view of a call that lacks a note, a link or a tag does not take it away: what is stored is joined from several views.
set local lock_timeout = '3s';

-- Which view had what the newest view lacks, and which one last said what tags are gone. Null if all is from the newest view, which is
-- the rule, and in rows from before.
alter table calls add column snapshot_parts jsonb;
