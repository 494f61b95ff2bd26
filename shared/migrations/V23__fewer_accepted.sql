-- A pass of the directory that sees far fewer records than are known removes nothing. An operator can say that the others really are gone.
alter table directory_sync
    -- When the operator said so (with a request for a pass), then the beginning of the first pass that began after it: that pass alone
    -- may remove what it has not seen. Null: nothing was said, or the pass has ended.
    add column if not exists fewer_accepted_at timestamptz;
