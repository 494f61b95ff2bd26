-- Text messages (SMS, WhatsApp): what stands, or is to stand, in the comment of their conversation. What was done about the comment is in followups,
-- under the key messages:<number>:<day>.
create table messages (
    -- Aircall's, a text. After its content was erased the row stays, so that the message is not stored again.
    message_id   text primary key,
    conversation text,
    sent_at      timestamptz,
    outbound     boolean,
    line         text,
    -- In which its callers dial.
    country      text,
    channel      text,
    body         text,
    -- The files that came with it: their addresses, or null.
    media        jsonb,
    -- It did not reach whom it was sent to. By the newest event.
    is_failed    boolean not null default false,
    changed_at   timestamptz,
    -- How it stands in the comment: as sent, or as failed. Null: not yet.
    written_as   text check (written_as in ('sent', 'failed')),
    erased_at    timestamptz
);
create index messages_conversation on messages (conversation) where conversation is not null;
create index messages_sent_at on messages (sent_at) where erased_at is null;
create index messages_erased_at on messages (erased_at) where erased_at is not null;

-- Requests in a row whose outcome is unclear: one text may make Sellsy fail each time.
alter table followups add column unclear integer not null default 0;
