//! Settings: environment variables with the same names for every worker.
//!
//! clap declares the names, their defaults and the texts of `--help`; [`Settings::load`] turns the raw texts into
//! types and collects every problem, so that a worker that cannot start names all of them at once. `<NAME>_FILE`
//! reads a setting from a file, as secrets are mounted by Docker and Kubernetes. Values never appear in messages.

use std::{ffi::OsString, fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser};
use jiff::{SignedDuration, tz::TimeZone};
use secrecy::SecretString;

use crate::phone::Region;

/// The raw settings, as texts.
#[derive(Debug, Parser)]
struct Raw {
    /// Broker; `amqps://` for TLS
    #[arg(long, env, default_value = "amqp://guest:guest@127.0.0.1:5672/%2f", hide_env_values = true)]
    amqp_url: String,
    /// Prefix of every exchange and queue, so that several installations can share a broker
    #[arg(long, env, default_value = "callbridge")]
    amqp_namespace: String,
    /// Database
    #[arg(long, env, default_value = "postgres://postgres@127.0.0.1:5432/callbridge", hide_env_values = true)]
    database_url: String,
    /// Address of health, readiness and metrics; for ingest of the webhooks as well
    #[arg(long, env, default_value = "0.0.0.0:8080")]
    http_listen: String,

    /// Aircall's API; the version is part of each path
    #[arg(long, env, default_value = "https://api.aircall.io")]
    aircall_api_url: String,
    /// Aircall API id (Dashboard > Integrations > API keys)
    #[arg(long, env, hide_env_values = true)]
    aircall_api_id: Option<String>,
    /// Aircall API token
    #[arg(long, env, hide_env_values = true)]
    aircall_api_token: Option<String>,
    /// Tokens of the Aircall webhooks that may call ingest, separated by commas
    #[arg(long, env, hide_env_values = true)]
    aircall_webhook_tokens: Option<String>,
    /// Ids of the Aircall numbers whose calls are handled, separated by commas; all when empty
    #[arg(long, env, default_value = "")]
    aircall_number_ids: String,
    /// What Callbridge may ask of Aircall in a minute, in each process
    #[arg(long, env, default_value = "60")]
    aircall_requests_per_minute: String,

    /// Sellsy's API
    #[arg(long, env, default_value = "https://api.sellsy.com/v2")]
    sellsy_api_url: String,
    /// Sellsy's token endpoint
    #[arg(long, env, default_value = "https://login.sellsy.com/oauth2/access-tokens")]
    sellsy_auth_url: String,
    /// Client id of a personal API client (Sellsy > Settings > Developer portal)
    #[arg(long, env, hide_env_values = true)]
    sellsy_client_id: Option<String>,
    /// Client secret
    #[arg(long, env, hide_env_values = true)]
    sellsy_client_secret: Option<String>,
    /// Sellsy's web pages, for links to records
    #[arg(long, env, default_value = "https://go.sellsy.com")]
    sellsy_web_url: String,
    /// Staff who owns logs when neither the agent nor the record's owner is known
    #[arg(long, env)]
    sellsy_default_owner_id: Option<String>,
    /// Last part of the path of Sellsy's webhooks, /webhooks/sellsy/SECRET, and their sign_key; not taken when absent
    #[arg(long, env, hide_env_values = true)]
    sellsy_webhook_secret: Option<String>,
    /// What Callbridge may ask of Sellsy in a second, in each process
    #[arg(long, env, default_value = "5")]
    sellsy_requests_per_second: String,
    /// What Callbridge may ask of Sellsy in a minute, in each process
    #[arg(long, env, default_value = "120")]
    sellsy_requests_per_minute: String,

    /// How often changes in Sellsy are read into the phone directory, e.g. 30s, 5m, 1h
    #[arg(long, env, default_value = "5m")]
    directory_sync_every: String,
    /// For how many days a call that nobody was found for waits for a record with its number
    #[arg(long, env, default_value = "7")]
    rematch_days: String,

    /// Country of numbers typed without a country code (ISO 3166, two letters)
    #[arg(long, env, default_value = "FR")]
    default_region: String,
    /// Time zone of the dates written to Sellsy
    #[arg(long, env, default_value = "Europe/Paris")]
    time_zone: String,
    /// Language of the logs: fr or en
    #[arg(long, env, default_value = "fr")]
    log_language: String,

    /// Messages handled at once by a worker
    #[arg(long, env, default_value = "8")]
    concurrency: String,
    /// What is logged, e.g. `info,shared=debug`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    rust_log: String,
    /// text or json
    #[arg(long, env, default_value = "text")]
    log_format: String,
}

/// What a worker cannot do without, beyond broker and database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    pub webhook_tokens: bool,
    pub aircall_api: bool,
    pub sellsy_api: bool,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub amqp_url: SecretString,
    pub amqp_namespace: String,
    pub database_url: SecretString,
    pub http_listen: SocketAddr,
    pub aircall: Aircall,
    pub sellsy: Sellsy,
    pub directory_sync_every: Duration,
    pub rematch_days: f64,
    pub default_region: Region,
    pub time_zone: TimeZone,
    pub log_language: Language,
    pub concurrency: u16,
    pub rust_log: String,
    pub log_format: LogFormat,
}

#[derive(Clone, Debug)]
pub struct Aircall {
    /// Without a trailing slash.
    pub api_url: String,
    /// Empty unless the worker needs it.
    pub api_id: SecretString,
    pub api_token: SecretString,
    pub webhook_tokens: Vec<SecretString>,
    /// Empty means all.
    pub number_ids: Vec<i64>,
    pub requests_per_minute: NonZeroU32,
}

#[derive(Clone, Debug)]
pub struct Sellsy {
    /// Without a trailing slash, like the other two.
    pub api_url: String,
    pub auth_url: String,
    pub web_url: String,
    /// Empty unless the worker needs it.
    pub client_id: SecretString,
    pub client_secret: SecretString,
    pub default_owner_id: Option<i64>,
    pub webhook_secret: Option<SecretString>,
    pub requests_per_second: NonZeroU32,
    pub requests_per_minute: NonZeroU32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    French,
    English,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "  - {problem}"))
    }
}

impl std::error::Error for Problems {}

impl Settings {
    /// Reads the environment and the command line of the worker called `name`. Prints help and ends the process
    /// when asked to, as clap does.
    pub fn load(name: &'static str, about: &'static str, needs: Needs) -> Result<Self, Problems> {
        let arguments = std::env::args_os().collect();
        Self::parse(name, about, needs, arguments, |name| std::env::var_os(name))
    }

    /// Name and default of every setting, for the test that compares them with `.env.example`.
    pub fn names() -> Vec<(String, Option<String>)> {
        let command = Raw::command();
        let named = command.get_arguments().filter_map(|argument| {
            let default = argument.get_default_values().first();
            let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
            Some((text(argument.get_env()?), default.map(|default| text(default))))
        });
        named.collect()
    }

    fn parse(
        name: &'static str,
        about: &'static str,
        needs: Needs,
        mut arguments: Vec<OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Problems> {
        let command = Raw::command().name(name).about(about).version(env!("CARGO_PKG_VERSION"));
        let mut problems = Problems::default();
        arguments.extend(from_environment(&command, &environment, &mut problems));
        let matches = command.get_matches_from(arguments);
        let raw = Raw::from_arg_matches(&matches).map_err(|e| Problems(vec![e.to_string()]))?;
        let settings = read(&raw, needs, &mut problems);
        match settings {
            Some(settings) if problems.0.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }
}

/// The arguments of another command with settings of these names, such as the operator's: those given, and those that
/// clap itself would not find in the environment.
pub fn arguments(command: &clap::Command) -> Result<Vec<OsString>, Problems> {
    let mut problems = Problems::default();
    let given = std::env::args_os();
    let found = from_environment(command, &|name: &str| std::env::var_os(name), &mut problems);
    if problems.0.is_empty() { Ok(given.chain(found).collect()) } else { Err(problems) }
}

/// What clap does not do by itself: `<NAME>_FILE` is read, and an empty `<NAME>` counts as not set.
fn from_environment(
    command: &clap::Command,
    environment: &impl Fn(&str) -> Option<OsString>,
    problems: &mut Problems,
) -> Vec<OsString> {
    let mut arguments = Vec::new();
    for argument in command.get_arguments() {
        let (Some(long), Some(name)) = (argument.get_long(), argument.get_env().and_then(|n| n.to_str())) else {
            continue;
        };
        let value = environment(name);
        let is_empty = value.as_ref().is_some_and(|value| value.is_empty());
        let Some(path) = environment(&format!("{name}_FILE")).filter(|p| !p.is_empty()) else {
            if let Some(default) = argument.get_default_values().first().filter(|_| is_empty) {
                arguments.push(format!("--{long}={}", default.to_string_lossy()).into());
            }
            continue;
        };
        if value.is_some() && !is_empty {
            problems.0.push(format!("{name} and {name}_FILE are both set: remove one of them"));
            continue;
        }
        let path = PathBuf::from(path);
        match std::fs::read_to_string(&path) {
            Ok(text) => arguments.push(format!("--{long}={}", text.trim_end_matches(['\r', '\n'])).into()),
            Err(e) => problems.0.push(format!("{name}_FILE: {} cannot be read: {e}", path.display())),
        }
    }
    arguments
}

fn read(raw: &Raw, needs: Needs, problems: &mut Problems) -> Option<Settings> {
    // Each is read before any is unwrapped, so that all problems are found.
    let amqp_url = url(problems, "AMQP_URL", &raw.amqp_url, &["amqp", "amqps"]);
    let namespace = namespace(problems, &raw.amqp_namespace);
    let database_url = url(problems, "DATABASE_URL", &raw.database_url, &["postgres", "postgresql"]);
    let http_listen = parsed(problems, "HTTP_LISTEN", &raw.http_listen, "an address and a port such as 0.0.0.0:8080");
    let aircall = aircall(raw, needs, problems);
    let sellsy = sellsy(raw, needs, problems);
    let sync_every: Option<SignedDuration> =
        parsed(problems, "DIRECTORY_SYNC_EVERY", &raw.directory_sync_every, "a duration such as 30s, 5m or 1h");
    let sync_every = sync_every.and_then(|every| Duration::try_from(every).ok()).filter(|every| !every.is_zero());
    if sync_every.is_none() && problems.0.last().is_none_or(|p| !p.starts_with("DIRECTORY_SYNC_EVERY")) {
        problems.0.push("DIRECTORY_SYNC_EVERY must be longer than nothing".into());
    }
    let rematch_days: Option<u16> = parsed(problems, "REMATCH_DAYS", &raw.rematch_days, "a number of days from 0");
    let region = parsed(problems, "DEFAULT_REGION", &raw.default_region, "a country of two letters such as FR");
    let time_zone = TimeZone::get(&raw.time_zone);
    if time_zone.is_err() {
        problems.0.push("TIME_ZONE is no IANA time zone such as Europe/Paris".into());
    }
    let language =
        one_of(problems, "LOG_LANGUAGE", &raw.log_language, &[("fr", Language::French), ("en", Language::English)]);
    let concurrency: Option<std::num::NonZeroU16> =
        parsed(problems, "CONCURRENCY", &raw.concurrency, "a number from 1 to 65535");
    let log_format =
        one_of(problems, "LOG_FORMAT", &raw.log_format, &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    if tracing_subscriber::EnvFilter::try_new(&raw.rust_log).is_err() {
        problems.0.push("RUST_LOG is no filter such as info or info,shared=debug".into());
    }
    Some(Settings {
        amqp_url: amqp_url?.into(),
        amqp_namespace: namespace?,
        database_url: database_url?.into(),
        http_listen: http_listen?,
        aircall: aircall?,
        sellsy: sellsy?,
        directory_sync_every: sync_every?,
        rematch_days: rematch_days?.into(),
        default_region: region?,
        time_zone: time_zone.ok()?,
        log_language: language?,
        concurrency: concurrency?.get(),
        rust_log: raw.rust_log.clone(),
        log_format: log_format?,
    })
}

fn aircall(raw: &Raw, needs: Needs, problems: &mut Problems) -> Option<Aircall> {
    let api_url = url(problems, "AIRCALL_API_URL", &raw.aircall_api_url, &["https", "http"]);
    let hint = "create an API key in Aircall's Dashboard under Integrations";
    let api_id = secret(problems, "AIRCALL_API_ID", raw.aircall_api_id.as_deref(), needs.aircall_api, hint);
    let api_token = secret(problems, "AIRCALL_API_TOKEN", raw.aircall_api_token.as_deref(), needs.aircall_api, hint);
    let hint = "GET /v1/webhooks of Aircall's API shows the token of each webhook";
    let tokens =
        secret(problems, "AIRCALL_WEBHOOK_TOKENS", raw.aircall_webhook_tokens.as_deref(), needs.webhook_tokens, hint);
    let number_ids = list(&raw.aircall_number_ids).map(str::parse).collect::<Result<Vec<i64>, _>>();
    if number_ids.is_err() {
        problems.0.push("AIRCALL_NUMBER_IDS holds something that is no number: write ids separated by commas".into());
    }
    let per_minute =
        parsed(problems, "AIRCALL_REQUESTS_PER_MINUTE", &raw.aircall_requests_per_minute, "a number from 1");
    Some(Aircall {
        api_url: api_url?,
        api_id: api_id?.into(),
        api_token: api_token?.into(),
        webhook_tokens: list(&tokens?).map(SecretString::from).collect(),
        number_ids: number_ids.ok()?,
        requests_per_minute: per_minute?,
    })
}

fn sellsy(raw: &Raw, needs: Needs, problems: &mut Problems) -> Option<Sellsy> {
    let api_url = url(problems, "SELLSY_API_URL", &raw.sellsy_api_url, &["https", "http"]);
    let auth_url = url(problems, "SELLSY_AUTH_URL", &raw.sellsy_auth_url, &["https", "http"]);
    let web_url = url(problems, "SELLSY_WEB_URL", &raw.sellsy_web_url, &["https", "http"]);
    let hint = "create a personal API client in Sellsy's developer portal";
    let client_id = secret(problems, "SELLSY_CLIENT_ID", raw.sellsy_client_id.as_deref(), needs.sellsy_api, hint);
    let client_secret =
        secret(problems, "SELLSY_CLIENT_SECRET", raw.sellsy_client_secret.as_deref(), needs.sellsy_api, hint);
    let default_owner_id = match raw.sellsy_default_owner_id.as_deref().filter(|text| !text.is_empty()) {
        None => Some(None),
        Some(text) => parsed(problems, "SELLSY_DEFAULT_OWNER_ID", text, "the id of a Sellsy staff").map(Some),
    };
    let webhook_secret = path_secret(problems, "SELLSY_WEBHOOK_SECRET", raw.sellsy_webhook_secret.as_deref());
    let per_second = parsed(problems, "SELLSY_REQUESTS_PER_SECOND", &raw.sellsy_requests_per_second, "a number from 1");
    let per_minute = parsed(problems, "SELLSY_REQUESTS_PER_MINUTE", &raw.sellsy_requests_per_minute, "a number from 1");
    Some(Sellsy {
        api_url: api_url?,
        auth_url: auth_url?,
        web_url: web_url?,
        client_id: client_id?.into(),
        client_secret: client_secret?.into(),
        default_owner_id: default_owner_id?,
        webhook_secret: webhook_secret?,
        requests_per_second: per_second?,
        requests_per_minute: per_minute?,
    })
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// An empty secret stands for one that this worker does not need.
fn secret(problems: &mut Problems, name: &str, text: Option<&str>, needed: bool, hint: &str) -> Option<String> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None if needed => {
            problems.0.push(format!("{name} is missing: {hint}, then set {name} or {name}_FILE"));
            None
        }
        text => Some(text.unwrap_or_default().into()),
    }
}

/// A secret that may be absent and is part of a URL's path, where other characters would be written in two ways.
fn path_secret(problems: &mut Problems, name: &str, text: Option<&str>) -> Option<Option<SecretString>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Some(None) };
    let fits = text.len() >= 16 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c));
    if !fits {
        problems.0.push(format!("{name} must be at least 16 letters, digits, dashes, dots, underscores or tildes"));
        return None;
    }
    Some(Some(text.into()))
}

fn url(problems: &mut Problems, name: &str, text: &str, schemes: &[&str]) -> Option<String> {
    let known = reqwest::Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()));
    if !known {
        problems.0.push(format!("{name} is no URL that begins with {}://", schemes.join(":// or ")));
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn namespace(problems: &mut Problems, text: &str) -> Option<String> {
    let fits = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fits {
        problems.0.push("AMQP_NAMESPACE must be 1 to 64 letters, digits, dots, dashes or underscores".into());
    }
    fits.then(|| text.to_owned())
}

fn parsed<T: FromStr>(problems: &mut Problems, name: &str, text: &str, wanted: &str) -> Option<T> {
    let value = text.trim().parse().ok();
    if value.is_none() {
        problems.0.push(format!("{name} must be {wanted}"));
    }
    value
}

fn one_of<T: Copy>(problems: &mut Problems, name: &str, text: &str, values: &[(&str, T)]) -> Option<T> {
    let found = values.iter().find(|(name, _)| *name == text.trim()).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
        problems.0.push(format!("{name} must be {}", names.join(" or ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(needs: Needs, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Settings, Problems> {
        let arguments = std::iter::once("worker").chain(arguments.iter().copied()).map(OsString::from).collect();
        let lookup = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        Settings::parse("worker", "", needs, arguments, lookup)
    }

    #[test]
    fn defaults_are_enough_for_a_worker_without_needs() {
        let settings = parse(Needs::default(), &[], &[]).unwrap();
        assert_eq!(settings.amqp_namespace, "callbridge");
        assert_eq!(settings.concurrency, 8);
        assert!(settings.aircall.number_ids.is_empty());
    }

    #[test]
    fn names_every_problem_at_once_and_no_value() {
        let needs = Needs { webhook_tokens: true, aircall_api: true, sellsy_api: true };
        let arguments = [
            "--amqp-url=hunter2",
            "--http-listen=x",
            "--time-zone=Mars/Olympus",
            "--log-language=de",
            "--concurrency=0",
            "--sellsy-webhook-secret=hunter2",
        ];
        let problems = parse(needs, &arguments, &[]).unwrap_err().to_string();
        for name in [
            "AMQP_URL",
            "HTTP_LISTEN",
            "TIME_ZONE",
            "LOG_LANGUAGE",
            "CONCURRENCY",
            "AIRCALL_API_ID",
            "AIRCALL_API_TOKEN",
            "AIRCALL_WEBHOOK_TOKENS",
            "SELLSY_CLIENT_ID",
            "SELLSY_CLIENT_SECRET",
            "SELLSY_WEBHOOK_SECRET",
        ] {
            assert!(problems.contains(&format!("- {name} ")), "{name} in:\n{problems}");
        }
        assert!(!problems.contains("hunter2"), "{problems}");
    }

    #[test]
    fn reads_secrets_from_files_and_refuses_both_ways_at_once() {
        use secrecy::ExposeSecret;
        let file = std::env::temp_dir().join(format!("callbridge-settings-{}", uuid::Uuid::now_v7()));
        std::fs::write(&file, "one, two\n").unwrap();
        let path = file.to_str().unwrap();
        let needs = Needs { webhook_tokens: true, ..Needs::default() };
        let settings = parse(needs, &[], &[("AIRCALL_WEBHOOK_TOKENS_FILE", path)]).unwrap();
        let tokens: Vec<_> = settings.aircall.webhook_tokens.iter().map(|t| t.expose_secret()).collect();
        assert_eq!(tokens, ["one", "two"]);

        let empty = [("AIRCALL_WEBHOOK_TOKENS_FILE", path), ("AIRCALL_WEBHOOK_TOKENS", ""), ("TIME_ZONE", "")];
        let settings = parse(needs, &[], &empty).unwrap();
        assert_eq!(settings.aircall.webhook_tokens.len(), 2);
        assert_eq!(settings.time_zone.iana_name(), Some("Europe/Paris"));

        let both = [("DATABASE_URL_FILE", path), ("DATABASE_URL", "postgres://h/d")];
        assert!(parse(Needs::default(), &[], &both).unwrap_err().to_string().contains("both set"));
        std::fs::remove_file(&file).unwrap();
        let gone = parse(Needs::default(), &[], &[("SELLSY_CLIENT_SECRET_FILE", path)]).unwrap_err().to_string();
        assert!(gone.contains("SELLSY_CLIENT_SECRET_FILE") && gone.contains("cannot be read"), "{gone}");
    }
}
