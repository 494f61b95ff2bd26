//! From text to types. Every setting is read even if another one is wrong, so that all problems are found.

use std::{
    num::NonZeroU16,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, tz::TimeZone};
use lettre::message::Mailbox;
use secrecy::SecretString;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::{
    alerts::{AlertMail, Alerts, WrongKinds, is_smtp_url},
    console,
    language::Language,
    parts::{list, parsed, secret, url},
    problems::Problems,
    raw::Raw,
    reports,
    values::{Aircall, LogFallback, LogFormat, Matching, Needs, Sellsy, Settings},
};
use super::{each_host, hosts};
use crate::{
    db,
    phone::{Region, Regions},
    rules::{self, Rules},
};

pub(super) fn read(raw: &Raw, needs: Needs, problems: &mut Problems) -> Option<Settings> {
    // Each is read before any is unwrapped, so that all problems are found.
    let amqp_url = with_password(problems, "AMQP", &raw.amqp_url, raw.amqp_password.as_deref());
    let amqp_url = amqp_url.and_then(|url| self::amqp_url(problems, &url));
    let namespace = namespace(problems, &raw.amqp_namespace);
    let database_url = with_password(problems, "DATABASE", &raw.database_url, raw.database_password.as_deref());
    let database_url = database_url.and_then(|url| self::database_url(problems, &url));
    let http_listen = parsed(problems, "HTTP_LISTEN", &raw.http_listen, "an address and a port such as 0.0.0.0:8080");
    let aircall = aircall(raw, needs, problems);
    let sellsy = sellsy(raw, needs, problems);
    let sync_every = every(problems, "DIRECTORY_SYNC_EVERY", &raw.directory_sync_every);
    let opportunities_fresh = duration(problems, "OPPORTUNITIES_FRESH", &raw.opportunities_fresh);
    let reconcile_every = every(problems, "RECONCILE_EVERY", &raw.reconcile_every);
    let rematch_days: Option<u16> = parsed(problems, "REMATCH_DAYS", &raw.rematch_days, "a number of days from 0");
    let retention_days: Option<NonZeroU16> =
        parsed(problems, "RETENTION_DAYS", &raw.retention_days, "a number of days from 1 to 65535");
    let countries = "countries of two letters with commas between them, such as FR or FR,BE";
    let regions: Option<Regions> = parsed(problems, "DEFAULT_REGION", &raw.default_region, countries);
    let newest_first = one_of(problems, "MATCH_FIRST", &raw.match_first, &[("oldest", false), ("newest", true)]);
    let archived = one_of(problems, "MATCH_ARCHIVED", &raw.match_archived, &[("skip", false), ("match", true)]);
    let time_zone = TimeZone::get(&raw.time_zone);
    if time_zone.is_err() {
        problems.0.push("TIME_ZONE must be an IANA time zone such as Europe/Paris".into());
    }
    let language =
        one_of(problems, "LOG_LANGUAGE", &raw.log_language, &[("fr", Language::French), ("en", Language::English)]);
    let log_template = path(problems, "LOG_TEMPLATE", raw.log_template.as_deref());
    let rules_file = path(problems, "RULES", raw.rules.as_deref());
    let region = regions.as_ref().map(Regions::first).unwrap_or_default();
    let rules = match rules_file.as_ref() {
        Some(Some(file)) => rules_in(problems, file, region),
        _ => Some(Rules::default()),
    };
    let log_fallback = match raw.log_fallback.trim() {
        "" => Some(LogFallback::Park),
        "comment" => Some(LogFallback::Comment),
        _ => {
            problems.0.push("LOG_FALLBACK must be comment or empty".into());
            None
        }
    };
    let log_updates_every = duration(problems, "LOG_UPDATES_EVERY", &raw.log_updates_every);
    let console_listen =
        parsed(problems, "CONSOLE_LISTEN", &raw.console_listen, "an address and a port such as 127.0.0.1:8090");
    let console_url = given(raw.console_url.as_deref(), |text| url(problems, "CONSOLE_URL", text, &["https", "http"]));
    let console = console::access(raw, needs.console_password, console_url.clone().flatten().as_deref(), problems);
    let alerts = alerts(raw, problems);
    let report_every = every(problems, "REPORT_EVERY", &raw.report_every);
    let reports = reports::reports(raw, report_every, problems);
    let concurrency: Option<NonZeroU16> = parsed(problems, "CONCURRENCY", &raw.concurrency, "a number from 1 to 65535");
    let log_format =
        one_of(problems, "LOG_FORMAT", &raw.log_format, &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let otlp_endpoint = match raw.otlp_endpoint.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => url(problems, "OTEL_EXPORTER_OTLP_ENDPOINT", text, &["https", "http"]).map(Some),
        None => Some(None),
    };
    if !is_filter(&raw.rust_log) {
        problems.0.push("RUST_LOG must be off, error, warn, info, debug or trace, or such a level and others for some targets, without blanks: info,resolver=debug".into());
    }
    Some(Settings {
        amqp_url: amqp_url?.into(),
        amqp_namespace: namespace?,
        database_url: database_url?.into(),
        http_listen: http_listen?,
        aircall: aircall?,
        sellsy: sellsy?,
        directory_sync_every: sync_every?,
        opportunities_fresh: opportunities_fresh?,
        reconcile_every: reconcile_every?,
        rematch_days: rematch_days?.into(),
        retention: Duration::from_secs(u64::from(retention_days?.get()) * 86_400),
        regions: regions?,
        matching: Matching { newest_first: newest_first?, archived: archived? },
        time_zone: time_zone.ok()?,
        log_language: language?,
        log_template: log_template?,
        rules: Arc::new(rules?),
        rules_file: rules_file?,
        log_fallback: log_fallback?,
        log_updates_every: log_updates_every?,
        console_listen: console_listen?,
        console_url: console_url?,
        console: console?,
        alerts: alerts?,
        reports: reports?,
        concurrency: concurrency?.get(),
        rust_log: raw.rust_log.clone(),
        log_format: log_format?,
        otlp_endpoint: otlp_endpoint?,
    })
}

fn aircall(raw: &Raw, needs: Needs, problems: &mut Problems) -> Option<Aircall> {
    let api_url = url(problems, "AIRCALL_API_URL", &raw.aircall_api_url, &["https", "http"]);
    let hint = "create an API key in Aircall's Dashboard under Integrations";
    let api_id = secret(problems, "AIRCALL_API_ID", raw.aircall_api_id.as_deref(), needs.aircall_api, hint);
    let api_token = secret(problems, "AIRCALL_API_TOKEN", raw.aircall_api_token.as_deref(), needs.aircall_api, hint);
    let call_link = parsed(
        problems,
        "AIRCALL_CALL_LINK",
        &raw.aircall_call_link,
        "an address that begins with https:// or http:// and has {id} in it, or empty",
    );
    let number_ids = list(&raw.aircall_number_ids).map(str::parse).collect::<Result<Vec<i64>, _>>();
    if number_ids.is_err() {
        problems.0.push("AIRCALL_NUMBER_IDS must be numeric ids separated by commas".into());
    }
    let per_minute =
        parsed(problems, "AIRCALL_REQUESTS_PER_MINUTE", &raw.aircall_requests_per_minute, "a number from 1");
    Some(Aircall {
        api_url: api_url?,
        api_id: api_id?.into(),
        api_token: api_token?.into(),
        webhook_tokens: list(raw.aircall_webhook_tokens.as_deref().unwrap_or_default())
            .map(SecretString::from)
            .collect(),
        number_ids: number_ids.ok()?,
        call_link: call_link?,
        requests_per_minute: per_minute?,
    })
}

fn sellsy(raw: &Raw, needs: Needs, problems: &mut Problems) -> Option<Sellsy> {
    let api_url = url(problems, "SELLSY_API_URL", &raw.sellsy_api_url, &["https", "http"]);
    let auth_url = url(problems, "SELLSY_AUTH_URL", &raw.sellsy_auth_url, &["https", "http"]);
    let links = raw.sellsy_links.parse().map_err(|wrong| problems.0.push(format!("SELLSY_LINKS: {wrong}"))).ok();
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
    let per_day = match raw.sellsy_requests_per_day.as_deref().filter(|text| !text.is_empty()) {
        None => Some(None),
        Some(text) => parsed(problems, "SELLSY_REQUESTS_PER_DAY", text, "a number from 1").map(Some),
    };
    Some(Sellsy {
        api_url: api_url?,
        auth_url: auth_url?,
        links: links?,
        client_id: client_id?.into(),
        client_secret: client_secret?.into(),
        default_owner_id: default_owner_id?,
        webhook_secret: webhook_secret?,
        requests_per_second: per_second?,
        requests_per_minute: per_minute?,
        requests_per_day: per_day?,
    })
}

fn alerts(raw: &Raw, problems: &mut Problems) -> Option<Alerts> {
    let mut address = |name: &str, text: &Option<String>| {
        given(text.as_deref(), |text| url(problems, name, text, &["https", "http"]).map(SecretString::from))
    };
    let webhook_url = address("ALERT_WEBHOOK_URL", &raw.alert_webhook_url);
    let slack_url = address("ALERT_SLACK_URL", &raw.alert_slack_url);
    let teams_url = address("ALERT_TEAMS_URL", &raw.alert_teams_url);
    let webhook_secret = given(raw.alert_webhook_secret.as_deref(), |text| {
        let fits = text.chars().count() >= 16;
        if !fits {
            problems.0.push("ALERT_WEBHOOK_SECRET must be at least 16 characters".into());
        }
        fits.then(|| text.into())
    });
    let mail = alert_mail(raw, problems);
    let kinds =
        raw.alert_kinds.parse().map_err(|wrong: WrongKinds| problems.0.push(format!("ALERT_KINDS {wrong}"))).ok();
    Some(Alerts {
        webhook_url: webhook_url?,
        webhook_secret: webhook_secret?,
        slack_url: slack_url?,
        teams_url: teams_url?,
        mail: mail?,
        kinds: kinds?,
    })
}

/// Without a server there is no mail: who has the addresses in a file for all workers may give the server, a secret, to ingest alone.
fn alert_mail(raw: &Raw, problems: &mut Problems) -> Option<Option<AlertMail>> {
    let smtp_url = given(raw.alert_smtp_url.as_deref(), |text| {
        let fits = is_smtp_url(text);
        if !fits {
            problems.0.push(
                "ALERT_SMTP_URL must be smtps://user:password@host:465 or smtp://user:password@host:587, or the same without user and \
                 password; in these, each character but letters and digits is percent-encoded"
                    .into(),
            );
        }
        fits.then(|| SecretString::from(text))
    });
    let wanted = "an address such as alerts@example.com, or Callbridge <alerts@example.com>";
    let from = given(raw.alert_mail_from.as_deref(), |text| parsed(problems, "ALERT_MAIL_FROM", text, wanted));
    let to = list(&raw.alert_mail_to).map(str::parse).collect::<Result<Vec<Mailbox>, _>>();
    if to.is_err() {
        problems.0.push("ALERT_MAIL_TO must be e-mail addresses separated by commas".into());
    }
    let (smtp_url, from, to) = (smtp_url?, from?, to.ok()?);
    let Some(smtp_url) = smtp_url else { return Some(None) };
    if from.is_none() {
        problems.0.push("ALERT_MAIL_FROM is missing: ALERT_SMTP_URL needs somebody whom its e-mails are from".into());
    }
    if to.is_empty() {
        problems.0.push("ALERT_MAIL_TO is missing: ALERT_SMTP_URL needs somebody whom its e-mails go to".into());
    }
    Some(Some(AlertMail { smtp_url, from: from?, to }))
}

/// Whether it filters the log as somebody can have meant. To tracing, a word that is no level is a target, and alone it silences all others.
fn is_filter(text: &str) -> bool {
    let is_meant = |part: &str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
    let has_blanks = text.contains(char::is_whitespace);
    !has_blanks && text.split(',').all(is_meant) && EnvFilter::try_new(text).is_ok()
}

/// A path that may be absent. `<NAME>_FILE` must contain that path, so a text of several lines is the file itself by mistake.
fn path(problems: &mut Problems, name: &str, text: Option<&str>) -> Option<Option<PathBuf>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Some(None) };
    if text.contains(char::is_control) {
        problems.0.push(format!("{name} must be the path of a file, not what is in it"));
        return None;
    }
    Some(Some(text.into()))
}

fn rules_in(problems: &mut Problems, file: &Path, region: Region) -> Option<Rules> {
    let mistakes = match rules::read(file, region) {
        Ok(rules) => return Some(rules),
        Err(mistakes) => mistakes,
    };
    problems.0.extend(mistakes.iter().map(|mistake| format!("RULES names {}, {mistake}", file.display())));
    None
}

/// A setting that may be absent or empty; `read` reads it otherwise.
fn given<T>(text: Option<&str>, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

/// A secret that may be absent and is part of a URL's path. Other characters could be percent-encoded there or not.
fn path_secret(problems: &mut Problems, name: &str, text: Option<&str>) -> Option<Option<SecretString>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Some(None) };
    let fits = text.len() >= 16 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c));
    if !fits {
        problems.0.push(format!("{name} must be at least 16 letters, digits, dashes, dots, underscores or tildes"));
        return None;
    }
    Some(Some(text.into()))
}

/// The URL with the password that is set beside it, if one is.
fn with_password(problems: &mut Problems, of: &str, url: &str, password: Option<&str>) -> Option<String> {
    let Some(password) = password.filter(|password| !password.is_empty()) else { return Some(url.to_owned()) };
    let joined = hosts::with_password(url, password);
    joined.map_err(|wrong| problems.0.push(format!("{of}_PASSWORD is set, but {of}_URL {wrong}"))).ok()
}

/// As a URL of each of its hosts.
fn amqp_url(problems: &mut Problems, text: &str) -> Option<String> {
    let text = hosts::tidy(text);
    let is_url = |host: &String| {
        reqwest::Url::parse(host).is_ok_and(|url| matches!(url.scheme(), "amqp" | "amqps") && url.fragment().is_none())
    };
    if !each_host(&text).iter().all(is_url) {
        problems.0.push(
            "AMQP_URL must be a URL that begins with amqp:// or amqps://, such as amqp://user@host:5672/%2f; a password that is not only \
             letters and digits goes into AMQP_PASSWORD, as it is"
                .into(),
        );
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// May have several hosts, too; the library takes them as they are.
fn database_url(problems: &mut Problems, text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    db::check_url(text).map_err(|problem| problems.0.push(problem)).ok()?;
    Some(text.to_owned())
}

fn namespace(problems: &mut Problems, text: &str) -> Option<String> {
    let fits = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fits {
        problems.0.push("AMQP_NAMESPACE must be 1 to 64 letters, digits, dots, dashes or underscores".into());
    }
    fits.then(|| text.to_owned())
}

/// An interval longer than zero.
fn every(problems: &mut Problems, name: &str, text: &str) -> Option<Duration> {
    let every = duration(problems, name, text)?;
    if every.is_zero() {
        problems.0.push(format!("{name} must be longer than zero"));
    }
    Some(every)
}

fn duration(problems: &mut Problems, name: &str, text: &str) -> Option<Duration> {
    let span: SignedDuration = parsed(problems, name, text, "a duration such as 30s, 5m or 1h")?;
    let span = Duration::try_from(span).ok();
    if span.is_none() {
        problems.0.push(format!("{name} must not be negative"));
    }
    span
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

    #[test]
    fn a_filter_of_the_log_is_a_level_or_levels_of_targets() {
        for (text, expected) in [
            ("info", true),
            ("OFF", true),
            ("3", true),
            ("info,resolver=debug", true),
            ("warn,vendors::api=trace,lapin=off", true),
            ("info,[message{stage=logger}]=debug", true),
            ("loud", false),
            ("warning", false),
            ("info,loud", false),
            ("resolver", false),
            ("resolver=loud", false),
            ("info, resolver=debug", false),
            (" info", false),
        ] {
            assert_eq!(is_filter(text), expected, "{text:?}");
        }
    }
}
