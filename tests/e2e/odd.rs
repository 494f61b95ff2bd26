//! One odd row, one odd page, one odd text: each costs itself and nothing else.

use std::time::Duration;

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Process, Stack, TOKEN,
    build::{Fault, aircall, call, contact, individual, sellsy},
    eventually, related, says,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

fn row(id: i64, mobile: impl Into<Value>) -> Value {
    json!({ "id": id, "type": "client", "first_name": "Paul", "last_name": "Ricard", "mobile_number": mobile.into(),
            "owner": { "id": 101, "type": "staff" }, "updated_at": "2025-02-03T09:15:00+01:00" })
}

fn with(mut row: Value, field: &str, value: Value) -> Value {
    row[field] = value;
    row
}

#[tokio::test]
async fn odd_rows_cost_themselves_and_the_kind_is_loaded() -> Result<()> {
    let mut stack = Stack::new("odd_rows").await?;
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1s".into());
    let rows = json!([
        row(2911, "01 99 00 57 57"),
        with(row(2912, "01 99 00 58 58"), "owner", json!({ "id": 0, "type": "staff" })),
        with(row(2913, "01 99 00 58 59"), "updated_at", json!("-0001-11-30T00:00:00+00:00")),
        with(row(2914, "01 99 00 58 60"), "created", json!("0000-00-00 00:00:00")),
        with(row(2915, "01 99 00 58 61"), "phone_number", json!({ "raw": "01 99 00 58 62" })),
        with(row(2916, "01 99 00 58 63"), "id", json!(0)),
    ]);
    let page =
        json!({ "data": rows, "pagination": { "limit": 100, "count": 6, "total": 6, "offset": "WyIyOTE2Il0=" } });
    stack.sandbox.set_faults([sellsy("POST /individuals/search").answers_with(200, page)]).await?;
    let workers = stack.start_all().await?;
    stack.directory_loaded(SOON).await.context("the directory is loaded in spite of odd rows")?;
    let ledger = stack.ledger().await?;
    assert_eq!(ledger.directory_size_of("individual").await?, 5);
    assert_eq!(ledger.records_with("+33199005861").await?, 1);
    let (status, good) = stack.callbridge(&["directory", "status"]).await?;
    assert!(good && status.contains("one row of Sellsy's list could not be read"), "{status}");
    let (check, _) = stack.callbridge(&["check"]).await?;
    assert!(check.contains("one row of Sellsy's list could not be read"), "{check}");

    // The odd row does not keep a record that was deleted in Sellsy.
    let rows = json!([
        row(2912, "01 99 00 58 58"),
        row(2913, "01 99 00 58 59"),
        row(2914, "01 99 00 58 60"),
        row(2915, "01 99 00 58 61"),
        with(row(2916, "01 99 00 58 63"), "id", json!(0))
    ]);
    let page = json!({ "data": rows, "pagination": { "limit": 100, "count": 5, "total": 5 } });
    stack.sandbox.set_faults([sellsy("POST /individuals/search").answers_with(200, page)]).await?;
    let (said, good) = stack.callbridge(&["directory", "sync", "--everything"]).await?;
    assert!(good, "{said}");
    assert_eq!(ledger.directory_size_of("individual").await?, 4, "{said}");
    drop(workers);
    stack.down().await
}

/// A directory that knows 20 individuals more than the sandbox has from the start.
async fn knows_many(what: &str) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1s".into());
    for n in 0..20 {
        stack.sandbox.add(&individual(&format!("Client {n}")).client().mobile(&format!("06 39 98 77 {n:02}"))).await?;
    }
    let workers = stack.start_all().await?;
    stack.directory_loaded(SOON).await?;
    Ok((stack, workers))
}

/// Sellsy lists one individual, of as many.
fn lists_one_of(total: i64) -> Fault {
    let page = json!({ "data": [row(2001, "06 39 98 00 01")], "pagination": { "limit": 100, "total": total } });
    sellsy("POST /individuals/search").answers_with(200, page)
}

const EVERYTHING: &[&str] = &["directory", "sync", "--everything"];
const ACCEPT: &[&str] = &["directory", "sync", "--everything", "--accept-fewer"];

#[tokio::test]
async fn a_pass_that_sees_far_less_than_before_deletes_nothing() -> Result<()> {
    let (stack, workers) = knows_many("odd_page").await?;
    let ledger = stack.ledger().await?;
    let before = ledger.directory_size_of("individual").await?;
    let none = json!({ "data": [], "pagination": { "limit": 100, "count": 0, "total": 0 } });
    for page in [sellsy("POST /individuals/search").answers_with(200, none), lists_one_of(35)] {
        stack.sandbox.set_faults([page.clone()]).await?;
        let (said, _) = stack.callbridge(EVERYTHING).await?;
        assert_eq!(ledger.directory_size_of("individual").await?, before, "{page:?}: {said}");
        let (status, good) = stack.callbridge(&["directory", "status"]).await?;
        assert!(!good && status.contains("nothing was removed"), "{page:?}: {status}");
    }
    // A whole pass removes what is gone.
    stack.sandbox.set_faults([]).await?;
    stack.sandbox.delete("individuals/2004").await?;
    stack.callbridge(EVERYTHING).await?;
    let removed = || async { (ledger.directory_size_of("individual").await.ok()? == before - 1).then_some(()) };
    eventually(SOON, removed).await.context("the deleted record is removed")?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_operator_accepts_a_mass_deletion_for_one_pass() -> Result<()> {
    let (stack, workers) = knows_many("odd_accepted").await?;
    let ledger = stack.ledger().await?;
    let before = ledger.directory_size_of("individual").await?;
    let (said, good) = stack.callbridge(&["directory", "sync", "--accept-fewer"]).await?;
    assert!(!good && said.contains("--everything"), "{said}");
    // Sellsy reports more than it lists, so the reading is incomplete, whatever the operator says. That pass was the one.
    for (total, arguments, names_command) in [(before, ACCEPT, false), (1, EVERYTHING, true)] {
        stack.sandbox.set_faults([lists_one_of(total)]).await?;
        let (said, good) = stack.callbridge(arguments).await?;
        assert!(!good && said.contains("nothing was removed"), "{said}");
        assert_eq!(said.contains("callbridge directory sync --everything --accept-fewer"), names_command, "{said}");
        assert_eq!(ledger.directory_size_of("individual").await?, before, "{said}");
    }
    let (said, good) = stack.callbridge(ACCEPT).await?;
    assert!(good && !said.contains("nothing was removed"), "{said}");
    assert_eq!(ledger.directory_size_of("individual").await?, 1, "{said}");
    assert_eq!(ledger.records_with("+33639987719").await?, 0);
    // All were there after all, and the word is used up.
    stack.sandbox.set_faults([]).await?;
    stack.callbridge(EVERYTHING).await?;
    assert_eq!(ledger.directory_size_of("individual").await?, before);
    stack.sandbox.set_faults([lists_one_of(1)]).await?;
    let (said, good) = stack.callbridge(EVERYTHING).await?;
    assert!(!good && ledger.directory_size_of("individual").await? == before, "{said}");
    drop(workers);
    stack.down().await
}

/// Not the one that is under way when he says so, and all of the next, whoever ends it.
#[tokio::test]
async fn an_operators_word_counts_for_the_pass_that_begins_after_it() -> Result<()> {
    const SLOW: Duration = Duration::from_secs(3);
    let (mut stack, mut workers) = knows_many("odd_word").await?;
    let ledger = stack.ledger().await?;
    let before = ledger.directory_size_of("individual").await?;
    let reads = || async { ledger.directory_reads_on_request("individual").await.ok()?.then_some(()) };
    stack.sandbox.set_faults([sellsy("POST /individuals/search").takes(SLOW), lists_one_of(1)]).await?;
    let first = stack.begin(EVERYTHING).await?;
    eventually(SOON, reads).await.context("a pass is under way")?;
    let (said, good) = stack.callbridge(ACCEPT).await?;
    assert!(good && ledger.directory_size_of("individual").await? == 1, "{said}");
    let kept = workers[1].output().matches("A pass of the directory saw too few records.").count();
    assert_eq!(kept, 1, "the pass that had begun removed nothing");
    drop(first);

    // The resolver dies while it reads, and another one goes on.
    stack.sandbox.set_faults([]).await?;
    stack.callbridge(EVERYTHING).await?;
    assert_eq!(ledger.directory_size_of("individual").await?, before);
    stack.sandbox.set_faults([sellsy("POST /individuals/search").takes(SLOW), lists_one_of(1)]).await?;
    let mut accepts = stack.begin(ACCEPT).await?;
    eventually(SOON, reads).await.context("the pass is under way")?;
    workers[1].kill().await?;
    workers.push(stack.start("resolver").await?);
    assert!(accepts.wait(2 * SOON).await?.success(), "{}", accepts.output());
    assert_eq!(ledger.directory_size_of("individual").await?, 1);
    drop(workers);
    stack.down().await
}

/// A resolver of an earlier version reads everything when it is asked to, but knows nothing of what was accepted.
#[tokio::test]
async fn an_operators_word_does_not_outlive_a_pass_that_did_not_know_of_it() -> Result<()> {
    let (mut stack, mut workers) = knows_many("odd_older").await?;
    let ledger = stack.ledger().await?;
    let before = ledger.directory_size_of("individual").await?;
    stack.sandbox.set_faults([lists_one_of(1)]).await?;
    workers[1].kill().await?;
    let accepts = stack.begin(ACCEPT).await?;
    let requested = || async { ledger.directory_is_requested().await.ok()?.then_some(()) };
    eventually(SOON, requested).await.context("the request is stored")?;
    ledger.older_resolver_reads_everything().await?;
    drop(accepts);
    workers.push(stack.start("resolver").await?);
    let (said, good) = stack.callbridge(EVERYTHING).await?;
    assert!(!good && ledger.directory_size_of("individual").await? == before, "{said}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn text_cut_in_the_middle_of_an_emoji_is_logged() -> Result<()> {
    let (stack, workers) = Stack::running("odd_text").await?;
    let ingest = &workers[0];
    let body = |id: i64, name: &str, note: &str| {
        let data = json!({ "id": id, "direction": "inbound", "status": "done", "started_at": 1_764_000_000, "answered_at": 1_764_000_005,
            "ended_at": 1_764_000_095, "duration": 95, "raw_digits": CLIENT, "number": { "id": 1001, "name": name },
            "comments": [{ "id": 1, "content": note, "posted_at": 1_764_000_050 }] });
        let event = json!({ "resource": "call", "event": "call.ended", "timestamp": 1_764_000_096, "token": TOKEN, "data": data });
        event.to_string().replace("CUT", r"\ud83d")
    };
    for (id, name, note) in [(901, "Accueil CUT", "Rappeler"), (902, "Accueil", "Rappeler lundi, content CUT")] {
        let request = reqwest::Client::new().post(format!("{}/webhooks/aircall", ingest.url));
        let answer = request.header("content-type", "application/json").body(body(id, name, note)).send().await?;
        assert_eq!(answer.status().as_u16(), 200);
        let log = stack.sandbox.logged(id, Duration::from_secs(100)).await?;
        assert!(log.to_string().contains('\u{fffd}'), "{log}");
    }
    for stage in [Stage::Ingest, Stage::Resolver, Stage::Logger] {
        assert_eq!(stack.depth(&stack.names.dead(stage)).await?, 0, "{stage:?}");
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_number_on_more_records_than_a_page_holds_finds_the_individual() -> Result<()> {
    let mut stack = Stack::new("odd_many").await?;
    let shared = "01 99 00 55 55";
    let add = |kind: &str, body: Value| (format!("/sellsy/{kind}"), body);
    let contacts = (0..120).map(|n| {
        add("contacts", json!({ "id": 4901 + n, "first_name": format!("Prénom{n}"), "last_name": "Tilleul", "phone_number": shared }))
    });
    let company =
        add("companies", json!({ "id": 3921, "type": "client", "name": "Groupe Tilleul", "phone_number": shared }));
    let last = add(
        "individuals",
        json!({ "id": 2921, "type": "client", "first_name": "Zoé", "last_name": "Tilleul", "mobile_number": shared }),
    );
    for (path, body) in contacts.chain([company, last]) {
        stack.sandbox.control(reqwest::Method::POST, &path, Some(&body)).await?;
    }
    // Without a directory, the search has to find them.
    stack
        .sandbox
        .set_faults(
            ["individuals", "companies", "contacts"].map(|kind| sellsy(&format!("POST /{kind}/search")).answers(400)),
        )
        .await?;
    let workers = [stack.start("ingest").await?, stack.start("resolver").await?, stack.start("logger").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    stack.sandbox.deliver_to(&workers[0].url).await?;
    let id = stack.sandbox.play(&call("+33 1 99 00 55 55").lasting(90)).await?;
    let row = stack.ledger().await?.call_that(id, SOON, |row| row.resolved).await.context("the call is decided")?;
    assert_eq!(row.record().as_deref(), Some("individual 2921"));
    let log = stack.sandbox.logged(id, SOON).await?;
    assert_eq!(related(&log), [("individual".to_owned(), 2921)]);
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop(workers);
    stack.down().await
}

/// One without an id, and one whose date of creation is none.
#[tokio::test]
async fn an_odd_opportunity_costs_itself() -> Result<()> {
    let (stack, workers) = Stack::running_with("odd_opportunity", &[crate::ASKING]).await?;
    let of_client = json!([{ "type": "individual", "id": 2001 }]);
    let opportunities = json!([
        { "id": 0, "name": "Sans numéro", "status": "open", "related": of_client },
        { "id": 6001, "name": "Cuisine", "status": "open", "created": "0000-00-00 00:00:00", "owner": null, "individual_id": 2001,
          "related": of_client },
    ]);
    let page = json!({ "data": opportunities, "pagination": { "limit": 5, "count": 2, "total": 2 } });
    stack.sandbox.set_faults([sellsy("POST /opportunities/search").answers_with(200, page)]).await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    let log = stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(related(&log), [("individual".to_owned(), 2001), ("opportunity".to_owned(), 6001)]);
    drop(workers);
    stack.down().await
}

/// A call of an hour ago, as Aircall lists it.
fn listed(id: impl Into<Value>) -> Value {
    let ago = |seconds: i64| jiff::Timestamp::now().as_second() - seconds;
    json!({ "id": id.into(), "direction": "inbound", "status": "done", "started_at": ago(3700), "answered_at": ago(3690),
            "ended_at": ago(3600), "duration": 100, "raw_digits": CLIENT, "number": { "id": 1001, "name": "Accueil" },
            "user": null, "tags": [], "comments": [], "archived": false })
}

fn list_of(calls: &[Value]) -> Value {
    let meta = json!({ "count": calls.len(), "total": calls.len(), "current_page": 1, "per_page": 50, "next_page_link": null,
                       "previous_page_link": null });
    json!({ "meta": meta, "calls": calls })
}

/// All workers, whose ingest finds this list at Aircall every second.
async fn reconciling(what: &str, list: impl Into<Value>) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("RECONCILE_EVERY".into(), "1s".into());
    let answer = aircall("GET /v1/calls").answers_with(200, list).header("content-type", "application/json");
    stack.sandbox.set_faults([answer]).await?;
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

#[tokio::test]
async fn an_odd_call_in_aircalls_list_costs_itself() -> Result<()> {
    const CALL: i64 = 3_811_600_903;
    let list = list_of(&[listed("no number"), json!(7), listed(CALL)]);
    let (stack, workers) = reconciling("odd_list", list).await?;
    stack.sandbox.logged(CALL, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    stack.ledger().await?.reconciliation_turns(SOON).await.context("reconciliation goes on")?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_list_of_aircall_with_a_text_that_was_cut_is_read() -> Result<()> {
    const CALLS: [i64; 3] = [3_811_600_913, 3_811_600_914, 3_811_600_915];
    let note = json!([{ "id": 91_012, "content": "Parfait, merci CUT", "posted_at": jiff::Timestamp::now().as_second() - 3590 }]);
    let calls = [listed(CALLS[0]), with(listed(CALLS[1]), "comments", note), listed(CALLS[2])];
    // The first half of an emoji, as no JSON of ours can be written.
    let list = list_of(&calls).to_string().replace("CUT", r"\ud83d");
    let (stack, workers) = reconciling("odd_cut_list", list).await?;
    for call in CALLS {
        let log = stack.sandbox.logged(call, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
        assert_eq!(says(&["Parfait, merci \u{fffd}"])(&log), call == CALLS[1], "{log}");
    }
    stack.ledger().await?.reconciliation_turns(SOON).await.context("reconciliation goes on")?;
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

/// A call whose caller was added to Sellsy, and that cannot be resolved again: Sellsy refuses to list the contact's companies.
#[tokio::test]
async fn a_call_that_always_fails_stops_no_directory() -> Result<()> {
    const UNKNOWN: &str = "+33 6 39 98 79 79";
    let mut stack = Stack::new("odd_rematch").await?;
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1s".into());
    let workers = stack.start_all().await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(UNKNOWN)).await?;
    ledger.line_that(id, SOON, |line| line.is("decided")).await.context("nobody is found")?;
    stack.sandbox.set_faults([sellsy("GET /contacts/{id}/companies").answers(400)]).await?;
    stack.sandbox.add(&contact("Nouvelle").mobile(UNKNOWN).of(&[3001])).await?;
    let behind = stack.sandbox.add(&contact("Suivante").mobile("+33 6 39 98 79 80")).await?;
    let there = || async { (ledger.numbers_of("contact", behind).await.ok()? == "+33639987980").then_some(()) };
    eventually(SOON, there).await.context("the records behind it are read")?;
    for _ in 0..2 {
        let (said, good) = stack.callbridge(&["directory", "sync"]).await?;
        assert!(good && !said.contains("failed"), "{said}");
    }
    // Once Sellsy answers, a pass finds the call again.
    stack.sandbox.set_faults([]).await?;
    let (said, good) = stack.callbridge(&["directory", "sync", "--everything"]).await?;
    assert!(good, "{said}");
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    drop(workers);
    stack.down().await
}
