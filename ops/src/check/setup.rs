//! The settings themselves, and the template file that one of them names.

use base::settings::{Problems, Settings};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Finding, Verdict, by_rules,
    said::{Text, name, quoted},
    texts,
};

/// With invalid settings no worker starts, and nothing else can be checked.
pub(super) fn invalid(problems: &Problems) -> Vec<Finding> {
    let problem = |problem: &str| {
        let setting = problem.split([' ', ':']).next().unwrap_or_default();
        Verdict::failed(quoted(problem), texts::SET_VALID.with([name(setting)]))
            .about(texts::SETTING.with([name(setting)]))
    };
    let mut findings: Vec<Finding> = problems.iter().map(problem).collect();
    let rest = [texts::BROKER, texts::DATABASE, texts::AIRCALL, texts::SELLSY];
    findings.extend(rest.map(|what| Verdict::not_checked(texts::SETTINGS_INVALID).about(what)));
    findings
}

pub(super) fn findings(settings: &Settings) -> Vec<Finding> {
    let mut findings = missing(settings);
    if findings.is_empty() {
        findings.push(Verdict::ok(texts::COMPLETE).about(texts::SETTINGS));
    }
    findings.extend([template(settings).about(texts::LOG_TEMPLATE), by_rules::of_settings(settings)]);
    findings
}

/// Settings that are valid without a value, but that a worker needs.
fn missing(settings: &Settings) -> Vec<Finding> {
    let is_empty = |secret: &SecretString| secret.expose_secret().is_empty();
    let (aircall, sellsy) = (&settings.aircall, &settings.sellsy);
    let key = || texts::SET.with([texts::AIRCALL_CREDENTIAL.into()]);
    let client = || texts::SET.with([texts::SELLSY_CREDENTIAL.into()]);
    let (of_key, of_client) = (texts::RESOLVER_AND_INSIGHTS, texts::RESOLVER_LOGGER_FOLLOWUPS);
    let do_not_start = |workers| texts::DO_NOT_START.with([Text::from(workers)]);
    let needed = [
        ("AIRCALL_API_ID", is_empty(&aircall.api_id), do_not_start(of_key), key()),
        ("AIRCALL_API_TOKEN", is_empty(&aircall.api_token), do_not_start(of_key), key()),
        ("SELLSY_CLIENT_ID", is_empty(&sellsy.client_id), do_not_start(of_client), client()),
        ("SELLSY_CLIENT_SECRET", is_empty(&sellsy.client_secret), do_not_start(of_client), client()),
    ];
    let missing = needed.into_iter().filter(|(_, is_missing, ..)| *is_missing);
    let finding = |(setting, _, says, cure): (&str, bool, Text, Text)| {
        Verdict::failed(says, cure).about(texts::SETTING.with([name(setting)]))
    };
    missing.map(finding).collect()
}

fn template(settings: &Settings) -> Verdict {
    let file = settings.log_template.as_deref();
    match logger::preview(settings.log_language, file) {
        Ok(_) if file.is_some() => Verdict::ok(texts::TEMPLATE_WORKS),
        Ok(_) => Verdict::ok(texts::TEMPLATE_BUILT_IN),
        Err(problem) => Verdict::failed(texts::TEMPLATE_FAILS.with([quoted(problem)]), texts::TEMPLATE_CURE),
    }
}
