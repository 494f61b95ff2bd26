//! The rules of `callbridge check`, as pure functions: versions, quotas, clocks, errors.

use base::{
    error::{Code, Error},
    settings::Sellsy,
};
use jiff::SignedDuration;
use ledger::calls::LineInsights;
use vendors::budget::Span;

use super::Verdict;

/// The first RabbitMQ whose quorum queues dead-letter at least once and expire messages.
const BROKER: (u32, u32) = (3, 10);
/// The oldest PostgreSQL that is still maintained at the time of writing.
const DATABASE: i32 = 15;
/// A larger difference shows as odd times in logs and timelines ...
const ODD: SignedDuration = SignedDuration::from_secs(10);
/// ... and with more than this, events are taken as newer or older than they are.
const WRONG: SignedDuration = SignedDuration::from_secs(60);

/// `version` is `3.12.1`, `4.1.0-rc.1` …; `None` if the connection uses TLS, which hides it.
pub(super) fn broker_version(version: Option<&str>) -> Verdict {
    let Some(version) = version else {
        return Verdict::ok("not visible over TLS; the queues below only exist on 3.10 and later");
    };
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let number = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if number >= BROKER {
        return Verdict::ok(version);
    }
    let cure = "update RabbitMQ to 3.10 or later; 4.x is best";
    Verdict::failed(format!("{version}: its quorum queues can lose dead letters"), cure)
}

/// PostgreSQL's `server_version_num`, such as 170002.
pub(super) fn database_version(number: i32) -> Verdict {
    let major = number / 10_000;
    if major >= DATABASE {
        return Verdict::ok(format!("{major}.{}", number % 10_000));
    }
    Verdict::warning(format!("{major} is no longer maintained"), format!("update PostgreSQL to {DATABASE} or later"))
}

pub(super) fn migrations(applied: Option<i32>, newest: i32) -> Verdict {
    let start =
        "start any worker of this version, which applies them, or run `callbridge migrate` with a role that may";
    match applied {
        Some(applied) if applied == newest => Verdict::ok(format!("all {newest} are applied")),
        Some(applied) if applied > newest => Verdict::warning(
            format!("the database is at {applied}, this program knows {newest}"),
            "run the `callbridge` of the version that the workers have",
        ),
        Some(applied) => Verdict::failed(format!("{applied} of {newest} are applied"), start),
        None => Verdict::failed("none is applied: no worker has ever run on this database", start),
    }
}

/// `ahead`: our clock minus the other one.
pub(super) fn drift(ahead: SignedDuration) -> Verdict {
    let seconds = ahead.abs().as_secs();
    let says = match seconds {
        0..=1 => "the same as ours".to_owned(),
        _ if ahead.is_negative() => format!("ours is {seconds} s behind"),
        _ => format!("ours is {seconds} s ahead"),
    };
    let cure = "synchronise the clocks of the servers with NTP (timedatectl set-ntp true)";
    match ahead.abs() {
        off if off > WRONG => Verdict::failed(says, cure),
        off if off > ODD => Verdict::warning(says, cure),
        _ => Verdict::ok(says),
    }
}

/// Compares the limits in the settings with those of the account. The lower one applies in any case.
pub(super) fn quotas(settings: &Sellsy, allowed: &[(Span, u32)]) -> Verdict {
    let set = |span: &Span| match span {
        Span::Second => ("SELLSY_REQUESTS_PER_SECOND", Some(settings.requests_per_second)),
        Span::Minute => ("SELLSY_REQUESTS_PER_MINUTE", Some(settings.requests_per_minute)),
        Span::Day => ("SELLSY_REQUESTS_PER_DAY", settings.requests_per_day),
        // No setting: the account's own applies.
        Span::Month => ("", None),
    };
    let above: Vec<(String, String)> = allowed
        .iter()
        .filter_map(|(span, limit)| {
            let (name, set) = set(span);
            let set = set.filter(|set| set.get() > *limit)?;
            Some((format!("{name} is {set}, Sellsy allows {limit}"), format!("{name} to {limit}")))
        })
        .collect();
    if above.is_empty() {
        let limits: Vec<_> = allowed.iter().map(|(span, limit)| format!("{limit} per {}", span.as_str())).collect();
        let limits = if limits.is_empty() { "unlimited".to_owned() } else { limits.join(", ") };
        return Verdict::ok(format!("{limits}; the settings do not exceed that"));
    }
    let (says, cures): (Vec<_>, Vec<_>) = above.into_iter().unzip();
    let cure = format!(
        "the lower limit applies anyway; lower {}, or further to leave some for other programs",
        cures.join(" and ")
    );
    Verdict::warning(says.join("; "), cure)
}

/// Whether the calls of each line get AI insights, if those of any line do. `lines` have the last calls that could have some.
pub(super) fn insights(lines: &[LineInsights]) -> Verdict {
    /// Fewer calls may have been without by chance.
    const ENOUGH: i64 = 20;
    let (calls, with) =
        lines.iter().fold((0, 0), |(calls, with), line| (calls + line.calls, with + line.with_insights));
    let without = lines.iter().filter(|line| line.calls >= ENOUGH && line.with_insights == 0);
    let without: Vec<&str> = without.map(|line| line.line.as_str()).collect();
    match (calls, with, without.as_slice()) {
        (0, _, _) => Verdict::ok("no call of the last 7 days was long enough for any"),
        (_, 0, _) => Verdict::ok("no call of the last 7 days has any; they need a licence for Aircall's AI Assist"),
        (_, _, []) => Verdict::ok(format!("{with} of {calls} calls that could have some have them")),
        (_, _, without) => Verdict::warning(
            format!("none of the last {ENOUGH} calls of {} has any", without.join(", ")),
            "switch transcription on for these numbers in Aircall's Dashboard, if they are to have insights",
        ),
    }
}

/// What a failed request says about the API. `address` and `credential` name the settings.
pub(super) fn api(e: &Error, address: &str, credential: &str) -> Verdict {
    let says = &e.message;
    match e.code {
        Code::AircallCredential | Code::SellsyCredential => {
            Verdict::failed(format!("refused ({})", e.code), format!("correct {credential}"))
        }
        Code::SellsyForbidden => Verdict::failed(
            says,
            "give the API client this scope in Sellsy's developer portal, and its staff member the right",
        ),
        Code::SellsyPlan => {
            Verdict::failed(says, "ask Sellsy for a plan that includes it; for phone calls LOG_FALLBACK=comment helps")
        }
        Code::AircallUnavailable | Code::SellsyUnavailable => Verdict::failed(
            says,
            format!("check {address}, this machine's internet access, and the vendor's status page"),
        ),
        Code::AircallBudget | Code::SellsyBudget | Code::AircallRateLimited | Code::SellsyRateLimited => {
            Verdict::not_checked(format!("{says}; try again, and see `callbridge budget`"))
        }
        Code::DatabaseUnavailable | Code::DatabaseRejected => {
            Verdict::not_checked("the request budget, which is in the database, could not be read")
        }
        _ => Verdict::failed(says, format!("check {address}: what answers there is not the API")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use base::error::Remedy;

    #[test]
    fn a_number_whose_calls_never_get_insights_is_named() {
        let line = |line: &str, calls, with_insights| LineInsights { line: line.into(), calls, with_insights };
        for (lines, state, says) in [
            (vec![], State::Ok, "long enough"),
            (vec![line("Paris", 20, 0), line("Lyon", 20, 0)], State::Ok, "licence"),
            (vec![line("Paris", 20, 12), line("Lyon", 19, 0)], State::Ok, "12 of 39"),
            (
                vec![line("Paris", 20, 12), line("Lyon", 20, 0)],
                State::Warning,
                "none of the last 20 calls of Lyon has any",
            ),
        ] {
            let verdict = insights(&lines);
            assert_eq!(verdict.state, state, "{lines:?}");
            assert!(verdict.says.contains(says), "{}", verdict.says);
        }
    }

    #[test]
    fn judges_versions_and_migrations() {
        use State::{Failed, Ok, Warning};
        for (verdict, expected) in [
            (broker_version(Some("3.9.29")), Failed),
            (broker_version(Some("3.10.0")), Ok),
            (broker_version(Some("3.13.7")), Ok),
            (broker_version(Some("4.1.0-rc.1")), Ok),
            (broker_version(Some("?")), Failed),
            (broker_version(None), Ok),
            (database_version(140_024), Warning),
            (database_version(150_000), Ok),
            (database_version(170_002), Ok),
            (migrations(Some(8), 8), Ok),
            (migrations(Some(7), 8), Failed),
            (migrations(Some(9), 8), Warning),
            (migrations(None, 8), Failed),
        ] {
            assert_eq!(verdict.state, expected, "{verdict:?}");
            assert_eq!(verdict.cure.is_some(), expected != Ok, "whatever is not ok has a cure: {verdict:?}");
        }
    }

    #[test]
    fn judges_clocks_both_ways() {
        for (seconds, state, says) in [
            (0, State::Ok, "the same as ours"),
            (-9, State::Ok, "9 s behind"),
            (11, State::Warning, "11 s ahead"),
            (-61, State::Failed, "61 s behind"),
            (3600, State::Failed, "3600 s ahead"),
        ] {
            let verdict = drift(SignedDuration::from_secs(seconds));
            assert_eq!(verdict.state, state, "{seconds}");
            assert!(verdict.says.contains(says), "{seconds}: {}", verdict.says);
        }
    }

    #[test]
    fn an_api_error_names_the_setting_or_says_why_nothing_was_checked() {
        let of = |code| api(&Error::new(code, Remedy::Park, "x"), "AIRCALL_API_URL", "AIRCALL_API_TOKEN");
        for (code, state, cure) in [
            (Code::AircallCredential, State::Failed, "AIRCALL_API_TOKEN"),
            (Code::AircallUnavailable, State::Failed, "AIRCALL_API_URL"),
            (Code::AircallRejected, State::Failed, "AIRCALL_API_URL"),
            (Code::AircallAnswer, State::Failed, "AIRCALL_API_URL"),
            (Code::SellsyForbidden, State::Failed, "scope"),
            (Code::SellsyPlan, State::Failed, "LOG_FALLBACK"),
            (Code::AircallBudget, State::NotChecked, ""),
            (Code::SellsyRateLimited, State::NotChecked, ""),
            (Code::DatabaseUnavailable, State::NotChecked, ""),
        ] {
            let verdict = of(code);
            assert_eq!(verdict.state, state, "{code}");
            assert!(verdict.cure.unwrap_or_default().contains(cure), "{code}");
        }
    }
}
