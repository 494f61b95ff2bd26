-- What the console reads of calls, and all that it reads of them: the ledger may keep the rest of the row as it likes.
create view console_calls as
    select call_id, started_at, state, agent, record, caller_backwards, snapshot, resolution, sellsy_id, resolved_at
      from calls;
