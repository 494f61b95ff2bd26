//! Checks every line of `cases.md`.

use base::ids::Kind;
use jiff::Timestamp;
use ledger::resolution::{Record, Source};

use super::*;

const CASES: &str = include_str!("cases.md");

/// The lines of the table under this heading, without its head.
fn lines(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = CASES.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    lines.skip(2).map(|line| line.split('|').map(str::trim).collect()).collect()
}

fn resolution(who: &str) -> Resolution {
    let record = Record {
        kind: Kind::Individual,
        id: 7,
        name: String::new(),
        relation: None,
        email: None,
        position: None,
        owner_id: None,
        archived: false,
        companies: vec![],
    };
    let record = match who {
        "somebody" => Some(record),
        "nobody" | "left out" => None,
        who => unreachable!("who is {who}?"),
    };
    Resolution {
        source: Source::Directory,
        as_of: None,
        record,
        rule: if who == "left out" { Reason::Ignored } else { Reason::Other(who.to_owned()) },
        opportunity: None,
        opportunity_rule: Reason::NoOpportunity,
        holds_until: None,
        candidates: vec![],
    }
}

fn known(who: &str, is_final: bool, just_decided: bool) -> Box<Known> {
    let looked_up_at = Timestamp::from_second(1_795_425_330).unwrap();
    Box::new(Known { resolution: resolution(who), looked_up_at, is_final, card_shown: true, just_decided })
}

fn taken(cell: &str) -> Taken {
    if let Some(("a decision for nobody", who)) = cell.split_once(", ") {
        return Taken::In(Some(known(who, true, false)));
    }
    match cell.rsplit_once(' ') {
        None => Taken::In(None),
        Some(("that the call was", "erased")) => Taken::Erased,
        Some(("a decision for", who)) => Taken::In(Some(known(who, true, false))),
        Some(("a fresh look-up of", who)) => Taken::In(Some(known(who, true, true))),
        Some(("an old", "look-up")) => Taken::In(Some(known("nobody", false, false))),
        Some(_) => unreachable!("what is {cell}?"),
    }
}

#[test]
fn a_call_has_ended() {
    let number: E164 = "+33639980001".parse().unwrap();
    let lines = lines("A call has ended");
    assert!(lines.len() > 15);
    for line in lines {
        let [before, looked_up, has_number, directory, again, expected] = line[..] else { unreachable!("{line:?}") };
        let number = (has_number != "no").then_some(&number);
        let mut progress = Ended::TakenIn(taken(before));
        let mut did = Vec::new();
        loop {
            progress = match ended(progress, number) {
                Action::LookUp => {
                    did.push("look up".to_owned());
                    let who = looked_up.trim_end_matches(", another replica");
                    Ended::Decided(known(who, true, who == looked_up))
                }
                Action::Publish(known) => {
                    did.push(if known.just_decided { "publish and note" } else { "publish" }.to_owned());
                    break;
                }
                Action::Note(known) => {
                    did.push("note".to_owned());
                    Ended::Noted(known)
                }
                Action::AskDirectory(known, _) => {
                    did.push("ask the directory".to_owned());
                    assert!(matches!(directory, "yes" | "no"), "{line:?}");
                    Ended::DirectoryAsked { known, knows: directory == "yes" }
                }
                Action::ResolveAgain(known) => {
                    did.push("resolve again".to_owned());
                    Ended::ResolvedAgain { known, found: resolution(again).record.is_some() }
                }
                Action::Skip(why) => {
                    did.push(format!("skip: {why}"));
                    break;
                }
                Action::Done => {
                    did.push("done".to_owned());
                    break;
                }
            };
        }
        assert_eq!(did.join(", "), expected, "{line:?}");
    }
}

#[test]
fn a_call_is_resolved_again() {
    for line in lines("A call is resolved again") {
        let [found, decided, expected] = line[..] else { unreachable!("{line:?}") };
        let decided = (decided != "none").then(|| resolution(decided));
        let did = match again(&resolution(found), decided.as_ref()) {
            Again::Nothing => "nothing",
            Again::Found(_) => "note, publish, found",
            Again::LogKeepsRecord(_) => "note, publish, not found",
            Again::Nobody => "note, not found",
        };
        assert_eq!(did, expected, "{line:?}");
    }
}
