//! The settings as clap declares them: names, defaults and the texts of `--help`. All values are still text.

use clap::Parser;

use super::links::CallLink;

/// The raw settings, as texts.
#[derive(Debug, Parser)]
pub(super) struct Raw {
    /// Broker; `amqps://` for TLS
    #[arg(long, env, default_value = "amqp://guest:guest@127.0.0.1:5672/%2f", hide_env_values = true)]
    pub(super) amqp_url: String,
    /// Password of the user in AMQP_URL, as it is; for one with characters that a URL cannot hold
    #[arg(long, env, hide_env_values = true)]
    pub(super) amqp_password: Option<String>,
    /// Prefix of every exchange and queue, so that several installations can share a broker
    #[arg(long, env, default_value = "callbridge")]
    pub(super) amqp_namespace: String,
    /// Database
    #[arg(long, env, default_value = "postgres://postgres@127.0.0.1:5432/callbridge", hide_env_values = true)]
    pub(super) database_url: String,
    /// Password of the user in DATABASE_URL, as it is; for one with characters that a URL cannot hold
    #[arg(long, env, hide_env_values = true)]
    pub(super) database_password: Option<String>,
    /// Address for health, readiness and metrics; in ingest also for the webhooks
    #[arg(long, env, default_value = "0.0.0.0:8080")]
    pub(super) http_listen: String,

    /// Aircall's API; the version is part of each path
    #[arg(long, env, default_value = "https://api.aircall.io")]
    pub(super) aircall_api_url: String,
    /// Aircall API id (Dashboard > Integrations > API keys); with it, ingest reconciles with Aircall's list of calls
    #[arg(long, env, hide_env_values = true)]
    pub(super) aircall_api_id: Option<String>,
    /// Aircall API token
    #[arg(long, env, hide_env_values = true)]
    pub(super) aircall_api_token: Option<String>,
    /// Tokens of Aircall webhooks that ingest accepts beside those that a command has noted in the database, separated by commas
    #[arg(long, env, hide_env_values = true)]
    pub(super) aircall_webhook_tokens: Option<String>,
    /// Ids of the Aircall numbers whose calls are handled, separated by commas; all when empty
    #[arg(long, env, default_value = "")]
    pub(super) aircall_number_ids: String,
    /// Address of a call in Aircall's Dashboard, for the link in its log; {id} is the call's id. Empty: no link
    #[arg(long, env, default_value = CallLink::DEFAULT)]
    pub(super) aircall_call_link: String,
    /// Most requests to Aircall in a minute, by all processes together
    #[arg(long, env, default_value = "60")]
    pub(super) aircall_requests_per_minute: String,

    /// Sellsy's API
    #[arg(long, env, default_value = "https://api.sellsy.com/v2")]
    pub(super) sellsy_api_url: String,
    /// Sellsy's token endpoint
    #[arg(long, env, default_value = "https://login.sellsy.com/oauth2/access-tokens")]
    pub(super) sellsy_auth_url: String,
    /// Client id of a personal API client (Sellsy > Settings > Developer portal)
    #[arg(long, env, hide_env_values = true)]
    pub(super) sellsy_client_id: Option<String>,
    /// Client secret
    #[arg(long, env, hide_env_values = true)]
    pub(super) sellsy_client_secret: Option<String>,
    /// Addresses of records in Sellsy's web pages, where they are not the usual ones: contact=https://…/{id}, company=…
    #[arg(long, env, default_value = "")]
    pub(super) sellsy_links: String,
    /// Staff who owns logs when neither the agent nor the record's owner is known
    #[arg(long, env)]
    pub(super) sellsy_default_owner_id: Option<String>,
    /// Last part of the path of a Sellsy webhook that was made by hand, /webhooks/sellsy/SECRET, and its sign_key
    #[arg(long, env, hide_env_values = true)]
    pub(super) sellsy_webhook_secret: Option<String>,
    /// Most requests to Sellsy in a second, by all processes together
    #[arg(long, env, default_value = "5")]
    pub(super) sellsy_requests_per_second: String,
    /// Most requests to Sellsy in a minute, by all processes together
    #[arg(long, env, default_value = "120")]
    pub(super) sellsy_requests_per_minute: String,
    /// Most requests to Sellsy in a day; no limit when absent
    #[arg(long, env)]
    pub(super) sellsy_requests_per_day: Option<String>,

    /// How often changes in Sellsy are read into the phone directory, e.g. 30s, 5m, 1h
    #[arg(long, env, default_value = "5m")]
    pub(super) directory_sync_every: String,
    /// How old the known opportunities may be when a call is logged on one, e.g. 0s, 60s; older ones are read again first
    #[arg(long, env, default_value = "60s")]
    pub(super) opportunities_fresh: String,
    /// For how many days a call without a match waits for a record with its number
    #[arg(long, env, default_value = "7")]
    pub(super) rematch_days: String,
    /// After how many days calls, timelines and other personal data are deleted from Callbridge's database
    #[arg(long, env, default_value = "90")]
    pub(super) retention_days: String,

    /// How often Aircall's list of calls is compared with the calls that webhooks brought, e.g. 5m, 15m, 1h
    #[arg(long, env, default_value = "15m")]
    pub(super) reconcile_every: String,

    /// Country of numbers typed without a country code (ISO 3166, two letters); after commas, further countries with lines
    #[arg(long, env, default_value = "FR")]
    pub(super) default_region: String,
    /// Which of several records of one kind with a number counts: oldest (the lowest id, as Sellsy lists them) or newest
    #[arg(long, env, default_value = "oldest")]
    pub(super) match_first: String,
    /// Whether archived records match: skip or match
    #[arg(long, env, default_value = "skip")]
    pub(super) match_archived: String,
    /// Time zone of the dates written to Sellsy
    #[arg(long, env, default_value = "Europe/Paris")]
    pub(super) time_zone: String,
    /// Language of the logs: fr or en
    #[arg(long, env, default_value = "fr")]
    pub(super) log_language: String,
    /// File with a custom log template; to try it on example calls: logger preview fr FILE
    #[arg(long, env)]
    pub(super) log_template: Option<String>,
    /// File with rules: what tags mean, which calls are logged, agents, lines; to check it: callbridge rules check FILE
    #[arg(long, env)]
    pub(super) rules: Option<String>,
    /// What to write when Sellsy refuses phone calls (402, 403): comment; when empty, the message is parked
    #[arg(long, env, default_value = "")]
    pub(super) log_fallback: String,
    /// Changes of logs are written together at times that are this far apart: each costs one request to see what people have
    /// written in them. 0s: each change on its own
    #[arg(long, env, default_value = "40s")]
    pub(super) log_updates_every: String,

    /// Address of the operator's console (`callbridge console`)
    #[arg(long, env, default_value = "127.0.0.1:8090")]
    pub(super) console_listen: String,
    /// Password of the console, at least 12 characters: who has it is an admin
    #[arg(long, env, hide_env_values = true)]
    pub(super) console_password: Option<String>,
    /// Address at which people reach the console, https://calls.example.com
    #[arg(long, env)]
    pub(super) console_url: Option<String>,
    /// Who may do everything in the console: names, e-mail addresses or group:NAME, separated by commas; * is everybody who can
    /// sign in
    #[arg(long, env, default_value = "")]
    pub(super) console_admins: String,
    /// Who may act in the console, but not erase, drop or install
    #[arg(long, env, default_value = "")]
    pub(super) console_operators: String,
    /// Who may look
    #[arg(long, env, default_value = "")]
    pub(super) console_viewers: String,
    /// Proxy that signs people in and says who they are: authelia, oauth2-proxy or cloudflare
    #[arg(long, env, default_value = "")]
    pub(super) console_proxy: String,
    /// Addresses or networks from which that proxy connects, separated by commas
    #[arg(long, env, default_value = "")]
    pub(super) console_proxy_from: String,
    /// What that proxy sends in the header X-Callbridge-Proxy, at least 16 characters
    #[arg(long, env, hide_env_values = true)]
    pub(super) console_proxy_secret: Option<String>,
    /// Identity provider (OpenID Connect) at which people sign in, such as https://login.example.com/realms/company
    #[arg(long, env)]
    pub(super) console_oidc_issuer: Option<String>,
    /// Client id that the identity provider gave
    #[arg(long, env)]
    pub(super) console_oidc_client_id: Option<String>,
    /// Client secret
    #[arg(long, env, hide_env_values = true)]
    pub(super) console_oidc_client_secret: Option<String>,
    /// Claim that holds a person's groups
    #[arg(long, env, default_value = "groups")]
    pub(super) console_oidc_groups: String,
    /// After how many days what people did by hand is deleted
    #[arg(long, env, default_value = "365")]
    pub(super) audit_days: String,

    /// Where ingest sends a JSON message when an operator has to act, and when that is over; nowhere when absent
    #[arg(long, env, hide_env_values = true)]
    pub(super) alert_webhook_url: Option<String>,
    /// Signs these messages, at least 16 characters (header X-Callbridge-Signature)
    #[arg(long, env, hide_env_values = true)]
    pub(super) alert_webhook_secret: Option<String>,
    /// The same for a channel in Slack: the URL of an incoming webhook
    #[arg(long, env, hide_env_values = true)]
    pub(super) alert_slack_url: Option<String>,
    /// The same for Microsoft Teams: the URL of a workflow that posts what a webhook receives
    #[arg(long, env, hide_env_values = true)]
    pub(super) alert_teams_url: Option<String>,
    /// The same by e-mail, through this server: smtps://user:password@host:465, or smtp://… for STARTTLS
    #[arg(long, env, hide_env_values = true)]
    pub(super) alert_smtp_url: Option<String>,
    /// Whom these e-mails are from
    #[arg(long, env)]
    pub(super) alert_mail_from: Option<String>,
    /// Whom they go to, separated by commas
    #[arg(long, env, default_value = "")]
    pub(super) alert_mail_to: String,
    /// Which kinds of alerts are sent: * for all, parked,worker_gone, or for each receiver slack:parked,worker_gone;mail:*
    #[arg(long, env, default_value = "*")]
    pub(super) alert_kinds: String,
    /// How often followups computes the figures of reports
    #[arg(long, env, default_value = "5m")]
    pub(super) report_every: String,
    /// After how many days these figures are deleted
    #[arg(long, env, default_value = "800")]
    pub(super) report_days: String,
    /// Day on which the receivers of alerts get a summary of the last seven days, at 8 in TIME_ZONE: monday to sunday, or off
    #[arg(long, env, default_value = "off")]
    pub(super) report_weekly: String,
    /// Which of them get it: * for all, or webhook, slack, teams, mail with commas between them
    #[arg(long, env, default_value = "*")]
    pub(super) report_weekly_to: String,
    /// How many messages of a queue a worker handles at the same time
    #[arg(long, env, default_value = "32")]
    pub(super) concurrency: String,
    /// What is logged, e.g. `info` or `debug`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub(super) rust_log: String,
    /// text or json
    #[arg(long, env, default_value = "text")]
    pub(super) log_format: String,
    /// OpenTelemetry collector to send spans to (OTLP over HTTP), e.g. http://127.0.0.1:4318; no spans when absent
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub(super) otlp_endpoint: Option<String>,
}
