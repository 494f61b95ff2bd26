use jiff::Timestamp;
use ledger::{
    calls::{Change, Links, Log, Stored},
    form::LogForm,
    resolution::Resolution,
};

use super::*;

fn resolution(found: bool) -> Resolution {
    plan::tests::resolution(found.then_some(7))
}

#[test]
fn what_is_published_follows_from_the_row() {
    let decided = |found| Decision::Final { resolution: resolution(found), again: false };
    let awaited = &["summary.created", "topics.created"][..];
    for (decision, has_view, has_ended, parked, awaited, expected) in [
        (Decision::Undecided, true, true, false, &[][..], "ended"),
        (Decision::Undecided, true, false, false, &[], ""),
        (Decision::Undecided, false, false, false, &[], ""),
        (Decision::Undecided, false, false, false, awaited, "summary.created, topics.created"),
        (Decision::Undecided, true, true, true, awaited, "summary.created, topics.created"),
        (decided(true), true, true, false, &[], "resolved"),
        (decided(true), true, true, false, awaited, "resolved, summary.created, topics.created"),
        (decided(true), false, false, false, &[], "resolved"),
        (decided(true), true, true, true, &[], ""),
        (decided(false), true, true, false, &[], "resolved"),
        (Decision::Reopened(resolution(true)), true, true, false, &[], "look up individual 7 again"),
        (Decision::Reopened(resolution(true)), true, true, true, &[], ""),
        (Decision::Erased, false, false, false, awaited, ""),
    ] {
        let call = Call { id: 1, ended_at: has_ended.then(Timestamp::now), ..Call::default() };
        let mut row = CallRow::of(CallId(1), call, resolution(true), [].into());
        row.decision = decision;
        row.snapshot = row.snapshot.filter(|_| has_view);
        let insights_awaited = awaited.iter().map(ToString::to_string).collect();
        let overdue = Overdue { row, seen_at: None, insights_awaited, parked, hand_ons: 0 };
        let published = facts(&overdue).into_iter().map(|fact| match fact {
            Fact::Ended(_) => "ended".into(),
            Fact::Resolved => "resolved".into(),
            Fact::LookUpAgain(hint) => format!("look up {} {} again", hint.kind, hint.id),
            Fact::Insight(kind) => kind.to_owned(),
        });
        assert_eq!(published.collect::<Vec<String>>().join(", "), expected, "{overdue:?}");
    }
}

#[test]
fn a_dead_letter_does_not_keep_back_a_change_that_is_due() {
    let mut row = CallRow::of(CallId(1), Call { id: 1, ..Call::default() }, resolution(true), [].into());
    for (due_in, expected) in [(None, 0), (Some(Duration::ZERO), 1)] {
        row.log = Log::Stored(Stored {
            form: LogForm::PhoneCall,
            id: 900,
            digest: Some("d".into()),
            writes: 1,
            written_age: Duration::ZERO,
            due_in,
            links: Links::Set,
            change: Change::Settled,
        });
        let overdue = Overdue { row: row.clone(), seen_at: None, insights_awaited: vec![], parked: true, hand_ons: 0 };
        assert_eq!(facts(&overdue).len(), expected, "{due_in:?}");
    }
}
