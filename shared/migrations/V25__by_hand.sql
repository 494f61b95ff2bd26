-- People put right what the match rules got wrong: they move a call to another record, or say which record a number means.

set local lock_timeout = '3s';
-- When a person moved the call to the record of its resolution. Null: nobody did.
alter table calls add column if not exists relinked_at timestamptz;

-- The record that a number means, whatever the match rules say.
create table pins (
    -- In E.164.
    number    text primary key,
    kind      text not null,
    id        bigint not null,
    -- Who said so, in that person's own words.
    pinned_by text not null,
    pinned_at timestamptz not null default now()
);
