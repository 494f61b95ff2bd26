alter table directory_sync
    -- An operator asked for a turn, or for one that reads everything.
    add column requested_at      timestamptz,
    add column pass_requested_at timestamptz,
    -- When the last turn that ended well began: every request before that is done.
    add column turned_at         timestamptz;
