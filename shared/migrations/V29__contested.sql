-- That requests for logs and insights wait for their turn, so that changes are gathered for longer.

alter table budgets
    -- When a worker last saw one wait. Null: never.
    add column if not exists contested_at timestamptz;
