//! Every combination of columns, and the state that it is read as.

use super::*;
use crate::{resolution::Source, timeline::Reason};

/// The columns that are set, and the state that is read from them.
const CASES: &[(&str, &str, &str)] = &[
    // A call's life.
    ("", "undecided", "none"),
    ("resolution looked_up", "undecided", "none"),
    ("resolution looked_up resolved", "final", "none"),
    ("resolution looked_up resolved intended phone_call", "final", "intended phone_call"),
    ("resolution looked_up resolved intent phone_call", "final", "unclear phone_call, 7 s"),
    ("resolution looked_up resolved intent comment", "final", "unclear comment, 7 s"),
    ("resolution looked_up resolved sellsy_id phone_call digest", "final", "stored phone_call, written"),
    (
        "resolution looked_up resolved sellsy_id phone_call digest due",
        "final",
        "stored phone_call, written, due in 9 s",
    ),
    (
        "resolution looked_up resolved sellsy_id phone_call digest due intended",
        "final",
        "stored phone_call, written, due in 9 s, change intended",
    ),
    (
        "resolution looked_up resolved sellsy_id phone_call digest due intent",
        "final",
        "stored phone_call, written, due in 9 s, change unclear, 7 s",
    ),
    ("resolution looked_up resolved sellsy_id comment digest", "final", "stored comment, written"),
    ("resolution looked_up resolved sellsy_id phone_call adopted", "final", "stored phone_call, adopted"),
    ("resolution looked_up resolved sellsy_id phone_call digest gone", "final", "deleted"),
    // Aircall's list brought the call in.
    ("listed", "undecided", "unknown"),
    ("resolution looked_up resolved listed", "final", "unknown"),
    ("resolution looked_up resolved listed intent phone_call", "final", "unclear phone_call, 7 s"),
    ("resolution looked_up resolved listed sellsy_id phone_call digest", "final", "stored phone_call, written"),
    // Sellsy refused the links: of a log that was to be created, and of a stored one.
    ("resolution looked_up resolved reopened", "reopened", "none"),
    ("resolution looked_up resolved reopened intent phone_call", "reopened", "unclear phone_call, 7 s"),
    ("resolution looked_up resolved reopened sellsy_id phone_call digest", "reopened", "stored phone_call, written"),
    ("resolution looked_up_again resolved reopened", "final again", "none"),
    (
        "resolution looked_up_again resolved reopened sellsy_id phone_call digest links_refused",
        "final again",
        "stored phone_call, written, without links",
    ),
    // Erased: the log stays where it is.
    ("erased", "erased", "none"),
    ("erased sellsy_id phone_call", "erased", "stored phone_call, adopted"),
    ("erased comment", "erased", "unknown"),
    ("erased sellsy_id phone_call gone", "erased", "deleted"),
    // What no statement writes. An incomplete decision counts as none.
    ("resolved", "undecided", "none"),
    ("resolved looked_up reopened", "undecided", "none"),
    ("resolution looked_up reopened", "undecided", "none"),
    ("resolution resolved reopened", "reopened", "none"),
    ("erased resolution looked_up resolved", "erased", "none"),
    // A log that may exist is looked for.
    ("phone_call", "undecided", "unknown"),
    ("comment listed", "undecided", "unknown"),
    ("intent", "undecided", "unclear in any form, 7 s"),
    ("intended", "undecided", "unclear in any form, 0 s"),
    // Its id proves that it was created.
    ("sellsy_id", "undecided", "stored phone_call, adopted"),
    ("sellsy_id intent", "undecided", "stored phone_call, adopted, change unclear, 7 s"),
    ("sellsy_id phone_call digest intended", "undecided", "stored phone_call, written, change intended"),
    // A log that was deleted is not created again.
    ("gone", "undecided", "deleted"),
    ("gone intent phone_call", "undecided", "deleted"),
    ("gone intended phone_call", "undecided", "deleted"),
    ("gone sellsy_id phone_call digest due intent", "undecided", "deleted"),
    // Nothing is due for a log that does not exist.
    ("due", "undecided", "none"),
    ("digest adopted links_refused", "undecided", "none"),
];

const WORDS: [&str; 17] = [
    "resolution",
    "looked_up",
    "looked_up_again",
    "resolved",
    "reopened",
    "listed",
    "sellsy_id",
    "phone_call",
    "comment",
    "digest",
    "adopted",
    "due",
    "intent",
    "intended",
    "links_refused",
    "gone",
    "erased",
];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_425_330 + second).unwrap()
}

fn set(columns: &mut Columns, word: &str) {
    match word {
        "resolution" => columns.resolution = Some(resolution()),
        "looked_up" => columns.looked_up_at = Some(at(10)),
        "looked_up_again" => columns.looked_up_at = Some(at(40)),
        "resolved" => columns.resolved_at = Some(at(20)),
        "reopened" => columns.reopened_at = Some(at(30)),
        "listed" => columns.may_lack_it = true,
        "sellsy_id" => columns.sellsy_id = Some(900),
        "phone_call" => columns.form = Some(LogForm::PhoneCall),
        "comment" => columns.form = Some(LogForm::Comment),
        "digest" => columns.digest = Some("d1".into()),
        "adopted" => columns.digest = Some(String::new()),
        "due" => columns.due_in = Some(Duration::from_secs(9)),
        "intent" => columns.intent_age = Some(Duration::from_secs(7)),
        "intended" => (columns.intent_age, columns.intended) = (Some(Duration::ZERO), true),
        "links_refused" => columns.links_refused = true,
        "gone" => columns.gone = true,
        "erased" => columns.erased = true,
        word => unreachable!("{word} is no column"),
    }
}

fn resolution() -> Resolution {
    Resolution {
        source: Source::None,
        as_of: None,
        record: None,
        rule: Reason::OnlyRecord,
        opportunity: None,
        opportunity_rule: Reason::NoOpportunity,
        holds_until: None,
        candidates: vec![],
    }
}

fn columns<'a>(words: impl IntoIterator<Item = &'a str>) -> Columns {
    let mut columns = Columns { writes: 3, written_age: Some(Duration::from_secs(60)), ..Columns::default() };
    words.into_iter().for_each(|word| set(&mut columns, word));
    columns
}

fn in_words((decision, log): (Decision, Log)) -> (String, String) {
    let decision = match decision {
        Decision::Erased => "erased",
        Decision::Undecided => "undecided",
        Decision::Reopened(_) => "reopened",
        Decision::Final { again: false, .. } => "final",
        Decision::Final { again: true, .. } => "final again",
    };
    let log = match log {
        Log::None => "none".into(),
        Log::Intended(form) => format!("intended {}", form.as_str()),
        Log::Unknown => "unknown".into(),
        Log::Unclear { form, age } => {
            format!("unclear {}, {} s", form.map_or("in any form", LogForm::as_str), age.as_secs())
        }
        Log::Stored(stored) => {
            assert_eq!((stored.id, stored.writes, stored.written_age.as_secs()), (900, 3, 60));
            let mut words = format!("stored {}", stored.form.as_str());
            words += if stored.digest.is_some() { ", written" } else { ", adopted" };
            words += &stored.due_in.map(|due| format!(", due in {} s", due.as_secs())).unwrap_or_default();
            words += if stored.links == Links::Leave { ", without links" } else { "" };
            words += &match stored.change {
                Change::Settled => String::new(),
                Change::Intended => ", change intended".into(),
                Change::Unclear { age } => format!(", change unclear, {} s", age.as_secs()),
            };
            words
        }
        Log::Deleted => "deleted".into(),
    };
    (decision.into(), log)
}

#[test]
fn each_combination_of_columns_is_one_state() {
    for &(words, decision, log) in CASES {
        let states = in_words(columns(words.split_whitespace()).states());
        assert_eq!(states, (decision.into(), log.into()), "{words}");
    }
}

/// All 131,072 combinations.
#[test]
fn no_combination_of_columns_forgets_a_log_that_may_exist() {
    for combination in 0..1_u32 << WORDS.len() {
        let words: Vec<&str> =
            (0..).zip(WORDS).filter(|(bit, _)| combination >> bit & 1 == 1).map(|(_, word)| word).collect();
        let has = |any_of: &[&str]| any_of.iter().any(|word| words.contains(word));
        let (decision, log) = columns(words.iter().copied()).states();
        assert_eq!(decision == Decision::Erased, has(&["erased"]), "{words:?}");
        assert_eq!(log == Log::Deleted, has(&["gone"]), "{words:?}");
        if has(&["sellsy_id"]) && !has(&["gone"]) {
            let Log::Stored(stored) = &log else { panic!("{words:?}: {log:?}") };
            let unclear = has(&["intent"]) && !has(&["intended"]);
            assert_eq!(matches!(stored.change, Change::Unclear { .. }), unclear, "{words:?}");
        }
        // Only these two are created without a search.
        if matches!(log, Log::None) {
            assert!(!has(&["sellsy_id", "gone", "intent", "intended", "phone_call", "comment", "listed"]), "{words:?}");
        }
        if matches!(log, Log::Intended(_)) {
            assert!(has(&["intended"]) && !has(&["sellsy_id", "gone"]), "{words:?}");
        }
    }
}
