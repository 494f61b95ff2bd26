//! The settings themselves, and the template file that one of them names.

use base::settings::{Problems, Settings};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Finding, Verdict, aircall::CREDENTIAL as AIRCALL_CREDENTIAL, by_rules, sellsy::CREDENTIAL as SELLSY_CREDENTIAL,
};

const WHERE: &str = "see .env.example, or --help of a worker";

/// With invalid settings no worker starts, and nothing else can be checked.
pub(super) fn invalid(problems: &Problems) -> Vec<Finding> {
    let problem = |problem: &str| {
        let name = problem.split([' ', ':']).next().unwrap_or_default();
        Verdict::failed(problem, format!("set a valid {name}; {WHERE}")).about(format!("setting {name}"))
    };
    let mut findings: Vec<Finding> = problems.iter().map(problem).collect();
    let rest = ["broker", "database", "Aircall", "Sellsy"];
    findings.extend(rest.map(|what| Verdict::not_checked("the settings are invalid").about(what)));
    findings
}

pub(super) fn findings(settings: &Settings) -> Vec<Finding> {
    let mut findings = missing(settings);
    if findings.is_empty() {
        findings.push(Verdict::ok("complete").about("settings"));
    }
    findings.extend([template(settings).about("log template"), by_rules::of_settings(settings)]);
    findings
}

/// Settings that are valid without a value, but that a worker needs.
fn missing(settings: &Settings) -> Vec<Finding> {
    let is_empty = |secret: &SecretString| secret.expose_secret().is_empty();
    let (aircall, sellsy) = (&settings.aircall, &settings.sellsy);
    let key = format!("set {AIRCALL_CREDENTIAL}");
    let client = format!("set {SELLSY_CREDENTIAL}");
    let needed = [
        ("AIRCALL_API_ID", is_empty(&aircall.api_id), "resolver and insights", key.as_str()),
        ("AIRCALL_API_TOKEN", is_empty(&aircall.api_token), "resolver and insights", &key),
        ("SELLSY_CLIENT_ID", is_empty(&sellsy.client_id), "resolver, logger and followups", &client),
        ("SELLSY_CLIENT_SECRET", is_empty(&sellsy.client_secret), "resolver, logger and followups", &client),
    ];
    let missing = needed.into_iter().filter(|(_, is_missing, ..)| *is_missing);
    let finding = |(name, _, workers, cure): (&str, bool, &str, &str)| {
        Verdict::failed(format!("it is missing: {workers} do not start"), cure).about(format!("setting {name}"))
    };
    missing.map(finding).collect()
}

fn template(settings: &Settings) -> Verdict {
    let file = settings.log_template.as_deref();
    match logger::preview(settings.log_language, file) {
        Ok(_) if file.is_some() => Verdict::ok("LOG_TEMPLATE works on all example calls"),
        Ok(_) => Verdict::ok("the built-in template"),
        Err(problem) => Verdict::failed(
            format!("LOG_TEMPLATE: {problem}"),
            "fix the file or LOG_TEMPLATE; `logger preview fr FILE` renders example calls with a template",
        ),
    }
}
