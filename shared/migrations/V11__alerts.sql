-- Alerts to ALERT_WEBHOOK_URL: what was told when, so that all replicas together tell each kind at most once in ten minutes.
create table alerts (
    kind    text primary key,
    told_at timestamptz not null default now(),
    -- How many are parked; 1 for what is wrong.
    level   bigint not null
);
