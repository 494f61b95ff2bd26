//! The settings themselves, and the template file that one of them names.

use base::settings::{Problems, Settings};

use super::{Finding, Verdict, by_rules};

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
    let tokens = if settings.aircall.webhook_tokens.is_empty() {
        let cure =
            "set AIRCALL_WEBHOOK_TOKENS to the token that `callbridge webhook install` or `webhook status` shows";
        Verdict::failed("AIRCALL_WEBHOOK_TOKENS is missing: ingest does not start", cure)
    } else {
        Verdict::ok(format!("{} set", settings.aircall.webhook_tokens.len()))
    };
    let notices = match settings.sellsy.webhook_secret {
        Some(_) => "Sellsy's webhooks can announce changes".to_owned(),
        None => {
            "SELLSY_WEBHOOK_SECRET is not set: changes in Sellsy are only read every DIRECTORY_SYNC_EVERY".to_owned()
        }
    };
    vec![
        Verdict::ok("complete").about("settings"),
        tokens.about("webhook tokens"),
        Verdict::ok(notices).about("Sellsy webhooks"),
        template(settings).about("log template"),
        by_rules::of_settings(settings),
    ]
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
