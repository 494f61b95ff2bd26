//! The rules of `callbridge check`, as pure functions: versions, quotas, clocks, errors.

use base::{
    error::{Code, Error},
    settings::Sellsy,
};
use jiff::SignedDuration;
use ledger::calls::LineInsights;
use vendors::budget::Span;

use super::{
    Verdict,
    said::{Sentence, Text, list, name, quoted},
    texts,
};

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
        return Verdict::ok(texts::VERSION_HIDDEN);
    };
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let number = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if number >= BROKER {
        return Verdict::ok(name(version));
    }
    Verdict::failed(texts::OLD_BROKER.with([name(version)]), texts::OLD_BROKER_CURE)
}

/// PostgreSQL's `server_version_num`, such as 170002.
pub(super) fn database_version(number: i32) -> Verdict {
    let major = number / 10_000;
    if major >= DATABASE {
        return Verdict::ok(name(format!("{major}.{}", number % 10_000)));
    }
    Verdict::warning(texts::OLD_POSTGRES.with([name(major)]), texts::OLD_POSTGRES_CURE.with([name(DATABASE)]))
}

pub(super) fn migrations(applied: Option<i32>, newest: i32) -> Verdict {
    match applied {
        Some(applied) if applied == newest => Verdict::ok(texts::ALL_APPLIED.with([name(newest)])),
        Some(applied) if applied > newest => Verdict::warning(
            texts::DATABASE_IS_NEWER.with([name(applied), name(newest)]),
            texts::DATABASE_IS_NEWER_CURE,
        ),
        Some(applied) => Verdict::failed(texts::SOME_APPLIED.with([name(applied), name(newest)]), texts::MIGRATE),
        None => Verdict::failed(texts::NONE_APPLIED, texts::MIGRATE),
    }
}

/// `ahead`: our clock minus the other one.
pub(super) fn drift(ahead: SignedDuration) -> Verdict {
    let seconds = ahead.abs().as_secs();
    let says = match seconds {
        0..=1 => texts::SAME_CLOCK.into(),
        _ if ahead.is_negative() => texts::CLOCK_BEHIND.with([name(seconds)]),
        _ => texts::CLOCK_AHEAD.with([name(seconds)]),
    };
    let cure = texts::CLOCK_CURE;
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
    let above: Vec<(Text, Text)> = allowed
        .iter()
        .filter_map(|(span, limit)| {
            let (setting, set) = set(span);
            let set = set.filter(|set| set.get() > *limit)?;
            Some((
                texts::QUOTA_ABOVE.with([name(setting), name(set), name(limit)]),
                texts::QUOTA_LOWER.with([name(setting), name(limit)]),
            ))
        })
        .collect();
    if above.is_empty() {
        let one = |(span, limit): &(Span, u32)| per(*span).with([name(limit)]);
        let limits = if allowed.is_empty() { texts::UNLIMITED.into() } else { list(allowed.iter().map(one), ", ") };
        return Verdict::ok(texts::QUOTAS_FIT.with([limits]));
    }
    let (says, cures): (Vec<_>, Vec<_>) = above.into_iter().unzip();
    let cures = cures.into_iter().reduce(|all, one| texts::AND.with([all, one])).unwrap_or_default();
    Verdict::warning(list(says, "; "), texts::QUOTA_CURE.with([cures]))
}

fn per(span: Span) -> Sentence {
    match span {
        Span::Second => texts::PER_SECOND,
        Span::Minute => texts::PER_MINUTE,
        Span::Day => texts::PER_DAY,
        Span::Month => texts::PER_MONTH,
    }
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
        (0, _, _) => Verdict::ok(texts::INSIGHTS_NO_CALL),
        (_, 0, _) => Verdict::ok(texts::INSIGHTS_NO_LICENCE),
        (_, _, []) => Verdict::ok(texts::INSIGHTS_FINE.with([name(with), name(calls)])),
        (_, _, without) => {
            Verdict::warning(texts::INSIGHTS_LACK.with([name(ENOUGH), name(without.join(", "))]), texts::INSIGHTS_CURE)
        }
    }
}

/// What a failed request says about the API. `address` and `credential` name the settings.
pub(super) fn api(e: &Error, address: &str, credential: Sentence) -> Verdict {
    let (says, address) = (quoted(&e.message), name(address));
    match e.code {
        Code::AircallCredential | Code::SellsyCredential => {
            Verdict::failed(texts::REFUSED.with([name(e.code)]), texts::CORRECT.with([credential.into()]))
        }
        Code::SellsyForbidden => Verdict::failed(says, texts::SCOPE_CURE),
        Code::SellsyPlan => Verdict::failed(says, texts::PLAN_CURE),
        Code::AircallUnavailable | Code::SellsyUnavailable => {
            Verdict::failed(says, texts::UNAVAILABLE_CURE.with([address]))
        }
        Code::AircallBudget | Code::SellsyBudget | Code::AircallRateLimited | Code::SellsyRateLimited => {
            Verdict::not_checked(texts::TRY_AGAIN.with([says]))
        }
        Code::DatabaseUnavailable | Code::DatabaseRejected => Verdict::not_checked(texts::BUDGET_UNREAD),
        _ => Verdict::failed(says, texts::NOT_THE_API.with([address])),
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
            assert!(verdict.says.english.contains(says), "{}", verdict.says.english);
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
            assert!(verdict.says.english.contains(says), "{seconds}: {}", verdict.says.english);
        }
    }

    #[test]
    fn an_api_error_names_the_setting_or_says_why_nothing_was_checked() {
        let of = |code| api(&Error::new(code, Remedy::Park, "x"), "AIRCALL_API_URL", texts::AIRCALL_CREDENTIAL);
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
            assert!(verdict.cure.unwrap_or_default().english.contains(cure), "{code}");
        }
    }
}
