-- Ingest accepts the webhooks that a command has made as soon as they exist, without a setting that has to be handed over and a restart.
create table webhook_tokens (
    -- aircall, sellsy.
    vendor     text not null,
    -- SHA-256 of the token that Aircall's webhook brings in each body, or of the secret at the end of the path of Sellsy's. Whoever sends it
    -- shows it in clear, so nobody needs it here.
    digest     bytea not null,
    -- The webhook's id at the vendor: when the webhook is deleted there, its token counts no more.
    webhook_id text not null,
    stored_at  timestamptz not null default now(),
    primary key (vendor, digest)
);
