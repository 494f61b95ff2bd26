-- A row of Sellsy's list that cannot be read (one without a usable id) is left out. Without their number, a pass that met one could not be
-- told from one that saw too little, and removed nothing.
alter table directory_sync add column if not exists pass_unreadable bigint not null default 0;
