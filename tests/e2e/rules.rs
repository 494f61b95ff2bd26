//! The file of rules (`RULES`): what tags mean, which calls are left out, agents and lines.

mod tried;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use harness::{
    Process, Stack,
    build::{After, NUMBER, STARTED_AT, call, individual, recording, sellsy, tag, untag, webhook},
    eventually, says,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// The sandbox's second number, and its first by its digits.
const SUPPORT: i64 = 1002;
const OWN_NUMBER: &str = "+33 1 99 00 10 01";
/// Topics of the sandbox's data; the first is the account's default.
const COMMERCIAL: i64 = 41;
const SUPPORT_TOPIC: i64 = 42;

async fn with_rules(what: &str, rules: &str) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    let file = stack.logs.join("rules.toml");
    std::fs::write(&file, rules)?;
    stack.environment.insert("RULES".into(), file.display().to_string());
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

/// What was asked of Sellsy, by endpoint.
async fn asked(stack: &Stack) -> Result<BTreeMap<String, u64>> {
    let mut counts = stack.sandbox.get("/counts").await?["sellsy"]["by_endpoint"].take();
    let counts = counts.as_object_mut().context("counts")?;
    Ok(counts.iter().map(|(endpoint, count)| (endpoint.clone(), count.as_u64().unwrap_or_default())).collect())
}

fn topic(log: &Value) -> i64 {
    log["topic"]["id"].as_i64().unwrap_or_default()
}

fn result(log: &Value) -> &str {
    log["result"]["id"].as_str().unwrap_or_default()
}

/// The log once it has this topic and result; changes that wait become due.
async fn log_with(stack: &Stack, call: i64, expected: (i64, &str)) -> Result<Value> {
    let ledger = stack.ledger().await?;
    let found = || async {
        ledger.gathering_ends().await.ok()?;
        stack.delays_end().await.ok()?;
        let logs = stack.sandbox.logs_of(call).await.ok()?;
        logs.into_iter().find(|log| (topic(log), result(log)) == expected)
    };
    let found = eventually(SOON, found).await;
    found.with_context(|| format!("{expected:?}: {:?}", stack.logs))
}

#[tokio::test]
async fn a_topic_that_was_given_unheard_is_not_taken_for_a_persons() -> Result<()> {
    let (stack, workers) = with_rules("rules_unheard", "[tags]\n\"VIP\" = { topic = \"support\" }\n").await?;
    let (ledger, call) = (stack.ledger().await?, call(CLIENT).lasting(90).at_once());
    let id = stack.sandbox.play(&call).await?;
    log_with(&stack, id, (COMMERCIAL, "connected")).await?;
    let without = stack.sandbox.call(id).await?;
    // The change is carried out, and its answer never comes.
    stack.sandbox.set_faults([sellsy("PUT /phone-calls/{id}").breaks(After).once()]).await?;
    stack.sandbox.tag(id, &mut Value::Null, "VIP").await?;
    log_with(&stack, id, (SUPPORT_TOPIC, "connected")).await?;
    stack.sandbox.struck(SOON).await?;
    // Before anybody looks, the tag is taken off again.
    let later = jiff::Timestamp::now().as_second() + 2 * 86_400;
    stack.sandbox.send([webhook("call.untagged", without).at(later)]).await?;
    let settles = || async {
        ledger.pauses_end().await.ok()?;
        stack.delays_end().await.ok()?;
        stack.sandbox.logs_of(id).await.ok()?.into_iter().find(|log| topic(log) == COMMERCIAL)
    };
    eventually(SOON, settles).await.with_context(|| format!("our own topic stays as a person's: {:?}", stack.logs))?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_tag_gives_topic_and_result_in_the_same_write() -> Result<()> {
    let rules = "[tags]\n\"VIP\" = { topic = \"support\" }\n\"Devis\" = { topic = \"Commercial\" }\n\
                 \"Faux numéro\" = { result = \"wrongnumber\" }\n\"Neuf\" = { topic = \"Inconnu\" }\n";
    let (stack, workers) = with_rules("rules_tags", rules).await?;
    let ledger = stack.ledger().await?;
    let play = async |tags: &[&str]| {
        let call = tags.iter().fold(call(CLIENT).lasting(90).at_once(), |call, name| call.after(0, tag(name)));
        stack.sandbox.play(&call).await
    };
    // The list of topics is read once.
    let first = play(&[]).await?;
    log_with(&stack, first, (COMMERCIAL, "connected")).await?;
    for (tags, expected) in [
        (&["VIP"][..], (SUPPORT_TOPIC, "connected")),
        (&["vip ", "Faux numéro"], (SUPPORT_TOPIC, "wrongnumber")),
        // Two that disagree give the default.
        (&["VIP", "Devis"], (COMMERCIAL, "connected")),
        (&["Autre"], (COMMERCIAL, "connected")),
    ] {
        let id = play(tags).await?;
        log_with(&stack, id, expected).await.with_context(|| format!("{tags:?}"))?;
    }
    assert_eq!(asked(&stack).await?["GET /activities/crm/metas"], 1);

    // A late tag costs what it costs without rules: one look and one write. A tag that is taken off takes its topic with it.
    let before = asked(&stack).await?;
    let mut data = Value::Null;
    stack.sandbox.tag(first, &mut data, "VIP").await?;
    let log = log_with(&stack, first, (SUPPORT_TOPIC, "connected")).await?;
    ensure!(says(&["VIP"])(&log), "{log}");
    let after = asked(&stack).await?;
    let more: BTreeMap<_, _> = after.iter().filter(|(name, count)| before.get(*name) != Some(count)).collect();
    let names: Vec<_> = more.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["POST /phone-calls/search", "PUT /phone-calls/{id}"]);
    assert_eq!(after["PUT /phone-calls/{id}"], before.get("PUT /phone-calls/{id}").copied().unwrap_or_default() + 1);

    // A topic that Sellsy does not have: the log is written all the same, and the story says so.
    let unknown = play(&["Neuf"]).await?;
    stack.sandbox.logged(unknown, SOON).await?;
    let line = ledger.line_that(unknown, SOON, |line| line.is("without_topic")).await?;
    ensure!(line.reason().contains("no topic of the name “Inconnu”"), "{line:?}");
    // So is one that it refuses, without another call or request at fault.
    let error = json!({ "error": { "code": 400, "message": "?", "details": { "topic": "?" }, "context": null } });
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers_with(400, error).once()]).await?;
    let refused = play(&["VIP"]).await?;
    let log = stack.sandbox.logged(refused, SOON).await?;
    ensure!(says(&["Aircall call"])(&log), "{log}");
    ledger.line_that(refused, SOON, |line| line.reason().contains("refused the topic")).await?;
    assert_eq!(stack.dead_letters().await?, []);
    let logs = stack.sandbox.phone_calls().await?.len();
    assert_eq!(logs, 7, "one log for each call");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_tag_that_is_taken_off_takes_its_topic_with_it() -> Result<()> {
    let (stack, workers) = with_rules("rules_untag", "[tags]\n\"VIP\" = { topic = \"Support\" }\n").await?;
    let first = call(CLIENT).lasting(90).paced(5).after(0, tag("VIP")).after(400, untag("VIP"));
    let id = stack.sandbox.play(&first).await?;
    log_with(&stack, id, (SUPPORT_TOPIC, "connected")).await?;
    log_with(&stack, id, (COMMERCIAL, "connected")).await?;
    // A person's topic stays.
    let log = stack.sandbox.logged(id, SOON).await?;
    stack.sandbox.change(&format!("phone-calls/{}", log["id"]), &json!({ "topic": SUPPORT_TOPIC })).await?;
    stack.sandbox.tag(id, &mut Value::Null, "Urgent").await?;
    let ledger = stack.ledger().await?;
    let written = || async {
        ledger.gathering_ends().await.ok()?;
        stack.delays_end().await.ok()?;
        stack.sandbox.logs_of(id).await.ok()?.into_iter().find(says(&["Urgent"]))
    };
    let log = eventually(SOON, written).await.context("the tag is written")?;
    assert_eq!(topic(&log), SUPPORT_TOPIC);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn topics_that_cannot_be_read_cost_a_log_only_its_topic() -> Result<()> {
    let (mut stack, mut workers) = with_rules("rules_metas", "[calls]\n").await?;
    // Without a rule that names a topic, they are not read.
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once().after(0, tag("VIP"))).await?;
    stack.sandbox.logged(id, SOON).await?;
    assert_eq!(stack.sandbox.count("sellsy", "GET /activities/crm/metas").await?, 0);
    std::fs::write(stack.logs.join("rules.toml"), "[tags]\n\"VIP\" = { topic = \"Support\", result = \"busy\" }\n")?;
    workers.remove(2).terminate(SOON).await?;
    let error = json!({ "error": { "code": 403, "message": "?", "details": [], "context": null } });
    stack.sandbox.set_faults([sellsy("GET /activities/crm/metas").answers_with(403, error)]).await?;
    workers.push(stack.start("logger").await?);
    for _ in 0..2 {
        let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once().after(0, tag("VIP"))).await?;
        log_with(&stack, id, (COMMERCIAL, "busy")).await?;
        let line = stack.ledger().await?.line_that(id, SOON, |line| line.is("without_topic")).await?;
        ensure!(line.reason().contains("cannot be read (SELLSY_FORBIDDEN)"), "{line:?}");
    }
    assert_eq!(
        stack.sandbox.count("sellsy", "GET /activities/crm/metas").await?,
        1,
        "it is not asked for with each call"
    );
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

/// A call that a rule leaves out: why, and what it cost.
struct Left {
    what: &'static str,
    call: harness::build::Call,
    reason: &'static str,
}

#[tokio::test]
async fn calls_that_the_rules_leave_out_are_logged_on_nobody_and_cost_nothing() -> Result<()> {
    let rules = "[calls]\nown_lines = \"nobody\"\nsuppliers = \"nobody\"\nignore = [\"+33 6 39 98 20 20\"]\n\
                 outbound.missed = \"nobody\"\n[calls.lines.\"Support\"]\ninbound.answered = \"nobody\"\n\
                 [calls.hours]\noutside = \"nobody\"\nmonday = [\"08:00-20:00\"]\n";
    let (stack, workers) = with_rules("rules_calls", rules).await?;
    let ledger = stack.ledger().await?;
    // Somebody has each of these numbers.
    for number in [OWN_NUMBER, "+33 6 39 98 20 20"] {
        stack.sandbox.add(&individual("Personne").client().mobile(number)).await?;
    }
    let (said, fine) = stack.callbridge(&["directory", "sync"]).await?;
    ensure!(fine, "{said}");
    let monday = |number: &str| call(number).lasting(90).started_at(STARTED_AT);
    // While the phone rings, nobody knows how the call will end: its card is looked up, unless the number itself is left out.
    let unrung = |number: &str| monday(number).losing(&["call.created"]);
    let warm_up = stack.sandbox.play(&unrung("+33 6 39 98 55 55").at_once()).await?;
    ledger.line_that(warm_up, SOON, |line| line.reason().contains("not logged")).await?;
    let before = stack.sandbox.requests("sellsy").await?;
    for Left { what, call, reason } in [
        Left {
            what: "own line",
            call: monday(OWN_NUMBER).on(SUPPORT).outbound(),
            reason: "one of the company's own numbers",
        },
        Left { what: "ignored", call: monday("06 39 98 20 20"), reason: "one of those to ignore" },
        Left { what: "not answered", call: unrung(CLIENT).outbound().missed(), reason: "outbound and not answered" },
        Left { what: "of a line", call: unrung(CLIENT).on(SUPPORT), reason: "inbound and answered" },
        Left {
            what: "at night",
            call: unrung(CLIENT).started_at(STARTED_AT + 12 * 3600),
            reason: "outside of business hours",
        },
    ] {
        let id = stack.sandbox.play(&call.at_once()).await?;
        let row = ledger.call_that(id, SOON, |row| row.resolved).await.context(what)?;
        ensure!(row.record().is_none() && row.rule().contains(reason) && !row.unmatched, "{what}: {row:?}");
        ledger.line_that(id, SOON, |line| line.reason().contains(reason)).await.context(what)?;
    }
    assert_eq!(stack.sandbox.requests("sellsy").await?, before, "nothing was asked of Sellsy");
    assert_eq!(stack.sandbox.count("aircall", "GET /v1/numbers").await?, 1);
    // Those that no rule names are logged.
    let ours = stack.sandbox.play(&monday(CLIENT).on(NUMBER).at_once()).await?;
    stack.sandbox.logged(ours, SOON).await?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    let (why, _) = stack.callbridge(&["explain", OWN_NUMBER]).await?;
    ensure!(why.contains("one of the company's own numbers"), "{why}");
    assert_eq!(ledger.left_to_do().await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_suppliers_call_is_logged_on_nobody_although_its_card_was_shown() -> Result<()> {
    let (stack, workers) = with_rules("rules_supplier", "[calls]\nsuppliers = \"nobody\"\n").await?;
    let ledger = stack.ledger().await?;
    let number = "+33 6 39 98 77 66";
    stack.sandbox.add(&individual("Fournisseuse").supplier().mobile(number)).await?;
    let (said, fine) = stack.callbridge(&["directory", "sync"]).await?;
    ensure!(fine, "{said}");
    let id = stack.sandbox.play(&call(number).lasting(60).ringing(20).paced(40)).await?;
    ledger.line_that(id, SOON, |line| line.is("card_shown")).await?;
    let row = ledger.call_that(id, SOON, |row| row.resolved).await?;
    ensure!(row.record().is_none() && row.rule().contains("suppliers"), "{row:?}");
    ensure!(
        row.resolution["candidates"][0]["name"].as_str().is_some_and(|name| name.contains("Fournisseuse")),
        "{row:?}"
    );
    // A client's call is decided by the look-up of its card, as without rules.
    let before = stack.sandbox.count("sellsy", "POST /opportunities/search").await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(60).ringing(20).paced(40)).await?;
    stack.sandbox.logged(id, SOON).await?;
    assert_eq!(stack.sandbox.count("sellsy", "POST /opportunities/search").await?, before);
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_missed_call_that_has_a_voicemail_after_all_is_logged() -> Result<()> {
    let (stack, workers) = with_rules("rules_voicemail", "[calls]\ninbound.missed = \"nobody\"\n").await?;
    let ledger = stack.ledger().await?;
    let missed = call(CLIENT).missed().lasting(30);
    let id = stack.sandbox.play(&missed.clone().at_once()).await?;
    let row = ledger.call_that(id, SOON, |row| row.resolved).await?;
    ensure!(row.record().is_none() && row.rule().contains("inbound and not answered"), "{row:?}");
    // The voicemail becomes known later, in an event that only the logger gets.
    let mut data = stack.sandbox.call(id).await?;
    data["voicemail"] = json!("https://example.com/voicemail.mp3");
    let later = jiff::Timestamp::now().as_second() + 60;
    stack.sandbox.send([webhook("call.voicemail_left", data).at(later)]).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    assert_eq!(result(&log), "msgvocal");
    assert_eq!(log["related"][0]["id"], 2001);

    // In every order, and with the end of the call coming once more as it was before: one log, or none without a voicemail.
    let voicemail = stack.sandbox.play(&call(CLIENT).voicemail().lasting(30).at_once()).await?;
    stack.sandbox.logged(voicemail, SOON).await?;
    let mut again = stack.sandbox.call(voicemail).await?;
    again["voicemail"] = Value::Null;
    again["asset"] = Value::Null;
    stack.sandbox.send([webhook("call.ended", again).at(later)]).await?;
    // The voicemail comes first, and then the end without it; no look-up of a card can decide the call.
    let lost = missed.clone().at_once().losing(&["call.created", "call.ended"]);
    let lost = stack.sandbox.play(&lost).await?;
    let end = stack.sandbox.call(lost).await?;
    let mut data = end.clone();
    data["voicemail"] = json!("https://example.com/voicemail.mp3");
    stack.sandbox.send([webhook("call.voicemail_left", data).at(later)]).await?;
    ledger.line_that(lost, SOON, |line| line.reason().contains("not been resolved yet")).await?;
    stack.sandbox.send([webhook("call.ended", end).at(later - 60)]).await?;
    stack.sandbox.logged(lost, SOON).await?;
    let none = stack.sandbox.play(&missed.at_once().after(30, recording())).await?;
    ledger.line_that(none, SOON, |line| line.reason().contains("inbound and not answered")).await?;
    stack.sandbox.delivered(SOON).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 3);
    assert_eq!(stack.dead_letters().await?, []);
    assert_eq!(ledger.left_to_do().await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn what_a_rule_has_left_out_is_brought_in_when_the_rule_is_gone() -> Result<()> {
    let (mut stack, mut workers) = with_rules("rules_gone", "[calls]\ninbound.missed = \"nobody\"\n").await?;
    let ledger = stack.ledger().await?;
    let an_hour_ago = jiff::Timestamp::now().as_second() - 3600;
    let id = stack.sandbox.play(&call(CLIENT).missed().lasting(30).started_at(an_hour_ago).at_once()).await?;
    ledger.line_that(id, SOON, |line| line.reason().contains("inbound and not answered")).await?;
    ledger.grace_ends().await?;
    std::fs::write(stack.logs.join("rules.toml"), "")?;
    workers.remove(1).terminate(SOON).await?;
    let resolver = stack.start("resolver").await?;
    resolver.until_ready(SOON).await?;
    let (said, fine) = stack.callbridge(&["backfill", "--since", "2d"]).await?;
    ensure!(fine, "{said}");
    let log = stack.sandbox.logged(id, SOON).await.context(said)?;
    assert_eq!(result(&log), "noanswer");
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop((workers, resolver));
    stack.down().await
}

#[tokio::test]
async fn agents_and_lines_are_what_the_rules_say() -> Result<()> {
    let rules = "[agents]\n\"tom.keller@agency.example\" = \"hugo.lefevre@callbridge.example\"\n\
                 \"ines.caron@callbridge.example\" = 101\n[lines]\n\"London\" = { language = \"en\", region = \"FR\" }\n";
    let (stack, workers) = with_rules("rules_agents", rules).await?;
    for (agent, line, staff, says_what) in
        [(504, NUMBER, 102, "Appel entrant"), (503, NUMBER, 101, "Appel entrant"), (501, 1003, 101, "Inbound call")]
    {
        // As it is dialled in France, on a line in London.
        let number = if line == 1003 { "06 39 98 41 07" } else { CLIENT };
        let id = stack.sandbox.play(&call(number).by(agent).on(line).lasting(90).at_once()).await?;
        let log = stack.sandbox.logged(id, SOON).await?;
        assert_eq!(log["owner"]["id"], staff, "{agent}");
        ensure!(says(&[says_what])(&log), "{log}");
    }
    drop(workers);
    stack.down().await
}
