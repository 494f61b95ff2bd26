//! Each rule with its cases, and files with several mistakes at once.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::*;
use crate::{phone::E164, settings::Language};

const EXAMPLE: &str = include_str!("../../../../deploy/rules.example.toml");

fn rules(text: &str) -> Rules {
    parse(text, Region::default()).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = parse(text, Region::default()).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

fn line<'a>(name: &'a str, number: &str) -> LineOf<'a> {
    LineOf { name: Some(name), number: number.parse().ok(), zone: Some("Europe/London") }
}

#[test]
fn an_empty_file_changes_nothing() {
    for text in ["", "# Nothing.\n", "[tags]\n[calls]\n[agents]\n[lines]\n", "\u{feff}[calls]\nown_lines = \"log\"\n"] {
        assert_eq!(rules(text), Rules::default(), "{text}");
    }
}

#[test]
fn the_example_has_every_rule() {
    let rules = rules(EXAMPLE);
    assert_eq!(rules.tags.topics(), ["Commercial", "Support"]);
    assert!(rules.calls.without_own_lines && rules.calls.without_suppliers && rules.calls.look_at_end());
    assert!(rules.calls.ignore(&"+33199002021".parse().unwrap()));
    assert_eq!(rules.agents.staffs().count(), 2);
    assert_eq!(rules.lines.languages().collect::<Vec<_>>(), [Language::English, Language::French]);
    assert!(rules.missed.is_some_and(|missed| missed.of_unknown && missed.staffs().count() == 2));
    assert!(rules.action_items.is_some());
    let acts: Vec<_> = rules.tags.acts().collect();
    assert!(acts.iter().any(|acts| acts.task.is_some() && acts.step.is_some()));
    assert!(acts.iter().any(|acts| acts.smart_tags.is_some()));
    assert!(rules.unknown.is_some_and(|unknown| unknown.tags().count() == 1));
}

#[test]
fn what_tags_mean() {
    let rules = rules(
        r#"[tags]
        "Devis" = { topic = "Commercial" }
        " SAV " = { topic = "Support" }
        "VIP" = { topic = "commercial", result = "connected" }
        "Faux numéro" = { result = "wrongnumber" }
        "Été" = { topic = "Saison" }"#,
    );
    for (tags, topic, result) in [
        (&[][..], None, None),
        (&["Inconnu"], None, None),
        (&["Devis"], Some("Commercial"), None),
        (&["  devis "], Some("Commercial"), None),
        (&["sav"], Some("Support"), None),
        (&["ÉTÉ"], Some("Saison"), None),
        (&["Faux numéro"], None, Some("wrongnumber")),
        // A tag without a rule says nothing.
        (&["Devis", "Inconnu"], Some("Commercial"), None),
        // Each field for itself.
        (&["Devis", "Faux numéro"], Some("Commercial"), Some("wrongnumber")),
        // Two that agree, also in another spelling.
        (&["Devis", "VIP"], Some("Commercial"), Some("connected")),
        // Two that disagree give the default.
        (&["Devis", "SAV"], None, None),
        (&["Devis", "SAV", "Devis"], None, None),
        (&["Devis", "SAV", "Faux numéro"], None, Some("wrongnumber")),
        (&["VIP", "Faux numéro"], Some("commercial"), None),
    ] {
        assert_eq!(rules.tags.mean(tags.iter().copied()), Meaning { topic, result }, "{tags:?}");
    }
}

#[test]
fn which_kinds_of_calls_are_logged() {
    let rules = rules(
        r#"[calls]
        inbound = { missed = "nobody" }
        outbound.missed = "nobody"
        outbound.answered = "log"
        [calls.lines."Support"]
        inbound.missed = "log"
        [calls.lines."+44 20 7946 0103"]
        outbound.answered = "nobody""#,
    );
    let (main, support, london) =
        (line("Accueil", "+33199001001"), line(" support", "+33199001002"), line("London", "+442079460103"));
    for (line, outbound, outcome, is_logged) in [
        (&main, false, Outcome::Missed, false),
        (&main, false, Outcome::Voicemail, true),
        (&main, false, Outcome::Answered, true),
        (&main, true, Outcome::Missed, false),
        (&main, true, Outcome::Answered, true),
        (&support, false, Outcome::Missed, true),
        (&support, true, Outcome::Missed, false),
        (&london, true, Outcome::Answered, false),
        (&london, false, Outcome::Missed, false),
        (&LineOf::default(), false, Outcome::Missed, false),
    ] {
        let call = Seen { outbound, outcome, line: line.clone(), started_at: None };
        let expected = (!is_logged).then_some(LeftOut::Kind);
        assert_eq!(rules.calls.leave_out(&call, &TimeZone::UTC), expected, "{call:?}");
    }
}

#[test]
fn when_calls_are_logged() {
    let hours = r#"
        monday = ["09:00-12:30", "14:00-18:00"]
        friday = ["22:00-24:00"]
        saturday = ["00:00-02:00"]"#;
    let paris = TimeZone::get("Europe/Paris").unwrap();
    let by_setting = rules(&format!("[calls.hours]\noutside = \"nobody\"\n{hours}"));
    let by_line = rules(&format!("[calls.hours]\noutside = \"nobody\"\nzone = \"line\"\n{hours}"));
    let logged = rules(&format!("[calls.hours]\noutside = \"log\"\n{hours}"));
    assert!(by_setting.calls.look_at_end() && !logged.calls.look_at_end());
    // 2026-11-23 is a Monday. Paris is an hour ahead of London, where the line is.
    for (at, in_paris, in_london) in [
        ("2026-11-23T08:00:00+01:00", false, false),
        ("2026-11-23T09:00:00+01:00", true, false),
        ("2026-11-23T10:00:00+01:00", true, true),
        ("2026-11-23T12:29:59+01:00", true, true),
        ("2026-11-23T12:30:00+01:00", false, true),
        ("2026-11-23T13:30:00+01:00", false, false),
        ("2026-11-23T18:00:00+01:00", false, true),
        // A Tuesday has no hours.
        ("2026-11-24T10:00:00+01:00", false, false),
        // Over midnight.
        ("2026-11-27T23:59:59+01:00", true, true),
        ("2026-11-28T00:30:00+01:00", true, true),
        ("2026-11-28T02:30:00+01:00", false, true),
        // The day on which clocks go forward, and summer time.
        ("2026-03-30T09:00:00+02:00", true, false),
    ] {
        let started_at: Timestamp = at.parse().unwrap();
        let call = Seen {
            outbound: false,
            outcome: Outcome::Answered,
            line: line("London", "+442079460103"),
            started_at: Some(started_at),
        };
        let left_out = |is_open: bool| (!is_open).then_some(LeftOut::Hours);
        assert_eq!(by_setting.calls.leave_out(&call, &paris), left_out(in_paris), "{at}");
        assert_eq!(by_line.calls.leave_out(&call, &paris), left_out(in_london), "{at}, by the line's clock");
        assert_eq!(logged.calls.leave_out(&call, &paris), None);
        let timeless = Seen { started_at: None, ..call };
        assert_eq!(by_setting.calls.leave_out(&timeless, &paris), None);
    }
}

#[test]
fn which_numbers_are_ignored() {
    let rules = rules("[calls]\nignore = [\"+33 1 99 00 20 20\", \"01.99.00.20.21\", \"0033 1 99 00 20 22\"]");
    for (number, expected) in [
        ("+33199002020", true),
        ("+33199002021", true),
        ("+33199002022", true),
        ("+33199002023", false),
        ("+3319900202", false),
    ] {
        assert_eq!(rules.calls.ignore(&number.parse::<E164>().unwrap()), expected, "{number}");
    }
}

#[test]
fn whom_an_agent_is_in_sellsy() {
    let rules = rules("[agents]\n\"Tom@agency.example\" = \"INES@callbridge.example\"\n\"a@b.example\" = 103\n");
    let by_email = StaffRef::Email("ines@callbridge.example".into());
    for (agent, expected) in [
        ("tom@agency.example", Some(&by_email)),
        (" TOM@agency.example ", Some(&by_email)),
        ("a@b.example", Some(&StaffRef::Id(103))),
        ("somebody@b.example", None),
        ("", None),
    ] {
        assert_eq!(rules.agents.staff_of(agent), expected, "{agent}");
    }
}

#[test]
fn what_holds_for_a_line() {
    let rules = rules(
        "[lines]\n\"London\" = { region = \"GB\", language = \"en\" }\n\"01 99 00 10 02\" = { language = \"en\" }\n",
    );
    let of = |region: Option<&str>, language| LineRule { region: region.map(|code| code.parse().unwrap()), language };
    for (line, expected) in [
        (line("london ", ""), of(Some("GB"), Some(Language::English))),
        (line("Anything", "+33199001002"), of(None, Some(Language::English))),
        // A line that is called like a number.
        (line("01 99 00 10 02", ""), of(None, Some(Language::English))),
        (line("Accueil", "+33199001001"), LineRule::default()),
        (LineOf::default(), LineRule::default()),
    ] {
        assert_eq!(rules.lines.of(|| line.clone()), expected, "{line:?}");
    }
    assert_eq!(rules.lines.missing_from(&[line("London", "")]), 1);
}

#[test]
fn every_mistake_is_named_with_its_line_and_what_to_do() {
    let text = r#"
[tags]
"Devis" = { topic = "Commercial", subject = "?" }
"Faux numéro" = { result = "scheduled" }
"SAV" = { topic = 42 }
"VIP" = "Commercial"
"Rien" = {}
"devis " = { topic = "Support" }

[calls]
own_lines = "no"
ignore = ["+33 1 99 00 20 20", "personne", 12]
inbound = { lost = "nobody", missed = false }
weekend = "nobody"
[calls.hours]
monday = ["9h-12h"]
tuesday = "09:00-12:00"
wednesday = ["18:00-09:00"]

[agents]
"Tom Keller" = "ines.caron@callbridge.example"
"tom@agency.example" = "Inès"

[lines]
"London" = { region = "England", language = "de" }

[mised]
task = true
"#;
    let expected = [
        "line 3: `subject` is no key of a tag: write topic, result, task, label, due, smart_tags, on, step or from",
        "line 4: `result` has a value that it cannot have: write \"connected\", \"noanswer\",",
        "line 5: `topic` is no text: write the topic's name in Sellsy, in quotes",
        "line 6: what the tag means is no table: write \"Name\" = { topic =",
        "line 7: the tag means nothing: write",
        "line 8: this tag is named a second time (first in line 3): put both into one line",
        "line 11: `own_lines` has a value that it cannot have: write \"log\" or \"nobody\"",
        "line 12: this is no phone number (no digits): write a list of numbers with +",
        "line 12: this is no text: write a list of numbers",
        "line 13: `lost` is no key of `inbound`: write answered, voicemail or missed",
        "line 13: `missed` has a value that it cannot have: write \"log\" or \"nobody\"",
        "line 14: `weekend` is no key of `calls`: write own_lines, suppliers, ignore, inbound, outbound, lines or hours",
        "line 15: it is not said what happens to calls outside of the hours: write outside = \"log\" or \"nobody\"",
        "line 16: these are no hours: write a list such as [\"09:00-12:30\",",
        "line 17: the hours of a day are a list: write a list such as",
        "line 18: these are no hours: write a list such as",
        "line 21: the agent is no e-mail address: write the agent's e-mail in Aircall, in quotes",
        "line 22: the agent's staff is neither an e-mail address nor an id: write",
        "line 25: `language` has a value that it cannot have: write \"fr\" or \"en\"",
        "line 25: `region` is no country: write its code of two letters",
        "line 27: there is no section `mised`: write [tags], [calls], [agents], [lines], [missed], [action_items], [unknown] or [messages]",
    ];
    let found = mistakes(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
    // Numbers and addresses of people are not repeated.
    assert!(!found.iter().any(|mistake| mistake.contains('@') || mistake.contains("99 00")), "{found:?}");
}

#[test]
fn a_file_that_is_not_toml_is_not_half_read() {
    for (text, line) in [
        ("[tags]\n\"Devis\" = { topic = }\n", "line 2: this is not TOML ("),
        ("[tags]\nDevis = Commercial\n", "line 2: this is not TOML ("),
        ("[calls]\nsuppliers = \"log\"\nsuppliers = \"nobody\"\n", "line 3: this is not TOML ("),
        ("tags = 3\n", "line 1: `tags` is no table: begin the section with [tags]"),
        ("[calls.hours]\noutside = \"nobody\"\n", "line 1: no weekday has hours: name the days"),
    ] {
        let found = mistakes(text);
        assert!(found[0].starts_with(line), "{text}: {found:?}");
    }
    let gone = read(Path::new("/nowhere/rules.toml"), Region::default()).unwrap_err();
    assert_eq!(gone[0].line, 0);
    assert!(gone[0].to_string().starts_with("it cannot be read ("), "{gone:?}");
}

#[test]
fn when_tasks_are_due() {
    let hours = r#"[calls.hours]
        outside = "log"
        monday = ["14:00-18:00", "09:00-12:30"]
        tuesday = ["09:00-12:30"]
        friday = ["22:00-24:00"]"#;
    let paris = TimeZone::get("Europe/Paris").unwrap();
    let (with, without) = (rules(hours), rules(""));
    let never = rules("[calls.hours]\noutside = \"log\"\nmonday = []");
    let by_line = rules(&format!("{hours}\nzone = \"line\""));
    // 2026-11-23 is a Monday.
    for (rules, at, minutes, expected) in [
        (&without, "2026-11-23T22:00:00+01:00", 120, "2026-11-24T00:00:00+01:00"),
        (&with, "2026-11-23T09:00:00+01:00", 120, "2026-11-23T11:00:00+01:00"),
        (&with, "2026-11-23T12:00:00+01:00", 30, "2026-11-23T12:30:00+01:00"),
        // Over lunch, in the night, over the days without hours.
        (&with, "2026-11-23T12:00:00+01:00", 60, "2026-11-23T14:30:00+01:00"),
        (&with, "2026-11-23T13:00:00+01:00", 60, "2026-11-23T15:00:00+01:00"),
        (&with, "2026-11-23T17:30:00+01:00", 60, "2026-11-24T09:30:00+01:00"),
        (&with, "2026-11-24T12:30:00+01:00", 90, "2026-11-27T23:30:00+01:00"),
        (&with, "2026-11-24T12:30:00+01:00", 120, "2026-11-28T00:00:00+01:00"),
        (&with, "2026-11-28T00:00:00+01:00", 60, "2026-11-30T10:00:00+01:00"),
        // In the hour that does not exist in spring, nothing is lost.
        (&with, "2026-03-28T12:00:00+01:00", 60, "2026-03-30T10:00:00+02:00"),
        (&by_line, "2026-11-23T09:00:00+01:00", 60, "2026-11-23T10:00:00+00:00"),
        // Hours that never come are none.
        (&never, "2026-11-23T09:00:00+01:00", 60, "2026-11-23T10:00:00+01:00"),
    ] {
        let at: Timestamp = at.parse().unwrap();
        let due = rules.calls.due(at, Duration::from_secs(minutes * 60), &line("London", "+442079460103"), &paris);
        assert_eq!(due, expected.parse().unwrap(), "{at}, {minutes} min");
    }
}

#[test]
fn which_missed_calls_are_tasks_and_whose() {
    assert!(!rules("").have_followups() && rules("[missed]").have_followups());
    assert!(!rules("[missed]\ntasks = \"off\"\n[action_items]\ntasks = \"off\"").have_followups());
    let rules = rules(
        r#"[missed]
        label = "Rappel"
        staff = "accueil@callbridge.example"
        after = "10m"
        together = "1d"
        due = "2h"
        unknown = "task"
        [missed.lines."Support"]
        staff = 103
        [missed.lines."Fax"]
        tasks = "off"
        [action_items]
        due = "3d""#,
    );
    let missed = rules.missed.unwrap();
    assert_eq!(missed.tasks, TaskRules { label: Some("Rappel".into()), due: Duration::from_secs(7_200) });
    assert_eq!((missed.after.as_secs(), missed.together.as_secs(), missed.of_unknown), (600, 86_400, true));
    let all = StaffRef::Email("accueil@callbridge.example".into());
    for (line, has_tasks, staff) in [
        (line("Support", "+33199001002"), true, &StaffRef::Id(103)),
        (line("fax", "+33199001003"), false, &all),
        (line("Accueil", "+33199001001"), true, &all),
        (LineOf::default(), true, &all),
    ] {
        assert_eq!((missed.has_tasks(&line), missed.staff_of(&line)), (has_tasks, Some(staff)), "{line:?}");
    }
    assert_eq!(missed.staffs().count(), 2);
    assert_eq!(rules.action_items.unwrap(), TaskRules { label: None, due: Duration::from_secs(259_200) });
}

#[test]
fn mistakes_in_what_follows_from_a_call() {
    let text = r#"[missed]
label = ""
staff = "nobody"
after = 5
together = "one day"
due = "-2h"
unknown = "yes"
who = 1
[missed.lines."Support"]
staff = 0
late = true
[action_items]
due = 24
staff = 103
"#;
    let found = mistakes(text);
    let lines: Vec<usize> = parse(text, Region::default()).unwrap_err().iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14], "{found:#?}");
}

#[test]
fn what_tags_do_beside_the_log() {
    let rules = rules(
        r#"[tags]
        "Devis" = { topic = "Commercial", task = "Préparer le devis", label = "Devis", due = "4h", step = "Proposition", from = ["Piste", 22] }
        "VIP" = { smart_tags = [" VIP ", "Fidèle"] }
        "Salon" = { smart_tags = "Salon 2026", on = "opportunity", step = 33, from = "Relance" }
        "SAV" = { result = "connected" }"#,
    );
    assert!(rules.have_followups() && rules.have_tasks());
    assert_eq!(rules.task_labels().collect::<Vec<_>>(), ["Devis"]);
    let acts = |tag| rules.tags.acts_of(tag).cloned();
    let name = |name: &str| StepRef::Name(name.to_owned());
    let devis = acts(" devis ").unwrap();
    let tasks = TaskRules { label: Some("Devis".into()), due: Duration::from_secs(14_400) };
    assert_eq!(devis.task, Some(TagTask { title: "Préparer le devis".into(), tasks }));
    assert_eq!(devis.step, Some(StepRule { to: name("Proposition"), from: vec![name("Piste"), StepRef::Id(22)] }));
    let vip = acts("VIP").unwrap().smart_tags.unwrap();
    assert_eq!(vip, SmartTags { values: vec!["VIP".into(), "Fidèle".into()], on: On::Record });
    let salon = acts("salon").unwrap();
    assert_eq!(salon.smart_tags.map(|tags| tags.on), Some(On::Opportunity));
    assert_eq!(salon.step, Some(StepRule { to: StepRef::Id(33), from: vec![name("Relance")] }));
    assert!(salon.task.is_none() && acts("SAV").is_none() && acts("Autre").is_none());
}

#[test]
fn who_becomes_a_prospect() {
    let of = |text: &str| rules(&format!("[unknown]\n{text}")).unknown.unwrap();
    let (long, tagged) = (of("longer_than = \"30s\""), of("tags = \"Prospect\""));
    let inbound = of("longer_than = \"30s\"\noutbound = \"nobody\"\ntags = [\"Prospect\", \"Salon\"]");
    for (rules, outbound, talk, tags, expected) in [
        (&long, false, Some(31), &[][..], true),
        (&long, true, Some(31), &[], true),
        (&long, false, Some(30), &[], false),
        (&long, false, None, &["Prospect"], false),
        (&tagged, false, Some(600), &[], false),
        (&tagged, false, None, &[" prospect"], true),
        (&inbound, true, Some(600), &["VIP"], false),
        (&inbound, true, Some(600), &["Salon"], true),
        (&inbound, false, Some(600), &[], true),
    ] {
        let call = WithUnknown { outbound, talk: talk.map(Duration::from_secs), tags };
        assert_eq!(rules.make_prospect(call), expected, "{call:?}");
    }
    assert_eq!((long.after.as_secs(), of("tags = \"Prospect\"\nafter = \"5m\"").after.as_secs()), (60, 300));
    assert!(rules("[unknown]\nprospects = \"off\"").unknown.is_none());
}

#[test]
fn which_messages_become_comments() {
    let messages = rules("[messages]\nafter = \"5m\"\n[messages.lines.\"Fax\"]\ncomments = \"off\"").messages.unwrap();
    assert_eq!(messages.after.as_secs(), 300);
    for (line, expected) in
        [(line("Accueil", "+33199001001"), true), (line(" fax", "+33199001003"), false), (LineOf::default(), true)]
    {
        assert_eq!(messages.has_comments(&line), expected, "{line:?}");
    }
    let usual = rules("[messages]");
    assert!(usual.have_followups() && usual.messages.unwrap().after.as_secs() == 60);
    assert!(!rules("[messages]\ncomments = \"off\"").have_followups());
    let text = "[messages]\nafter = 5\ncomments = true\nwho = 1\n[messages.lines.\"Fax\"]\ntasks = \"off\"\n";
    let lines: Vec<usize> = parse(text, Region::default()).unwrap_err().iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [2, 3, 4, 6], "{:#?}", mistakes(text));
}

#[test]
fn mistakes_in_what_tags_do_and_who_becomes_a_prospect() {
    let text = r#"[tags]
"A" = { label = "Devis" }
"B" = { task = "", due = "1h" }
"C" = { smart_tags = [] , on = "company" }
"D" = { step = "Proposition" }
"E" = { from = ["Piste"] }
"F" = { step = -1, from = [true] }
[unknown]
longer_than = 30
tags = [""]
staff = "nobody"
who = 1
after = "31m"
"#;
    let lines: Vec<usize> = parse(text, Region::default()).unwrap_err().iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 7, 9, 10, 11, 12, 13], "{:#?}", mistakes(text));
    let found = mistakes("[unknown]\noutbound = \"nobody\"\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("line 2: `unknown` does not say who becomes a prospect: write longer_than"),
        "{found:?}"
    );
}
