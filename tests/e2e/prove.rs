//! `callbridge prove`: against twelve accounts each of which is odd in its own way, each answer is right, and what follows from it is in
//! force in a following call.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{
    Stack,
    build::{Call, call, contact, note},
    eventually,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{CLIENT, SOON};

/// Workers read new answers after five seconds at the latest.
const KNOWN: Duration = Duration::from_millis(5_500);
/// The record on which test logs are written.
const RECORD: &str = "individual:2010";

struct Account<'a> {
    stack: &'a Stack,
    name: &'static str,
    report: Value,
}

impl<'a> Account<'a> {
    /// The sandbox as it is after a start, but for this; and what `callbridge prove` finds out about it.
    async fn odd(stack: &'a Stack, name: &'static str, odd: &[(&str, Value)], write: bool) -> Result<Self> {
        let account = Self::not_asked(stack, name, odd).await?;
        let arguments = if write { vec!["prove", "--json", "--write", RECORD] } else { vec!["prove", "--json"] };
        account.asked(&arguments).await
    }

    async fn not_asked(stack: &'a Stack, name: &'static str, odd: &[(&str, Value)]) -> Result<Self> {
        let usual = [
            ("/sellsy/search", json!({ "phones": "digits" })),
            ("/sellsy/phone-call-rules", json!({})),
            ("/sellsy/texts", json!({ "as": "as_sent" })),
            ("/sellsy/tokens", json!({ "new_voids_older": false })),
            ("/sellsy/webhook-events", json!({ "without": [] })),
            ("/sellsy/pages", json!({ "pages": "known" })),
            ("/aircall/card-rules", json!({})),
            ("/aircall/rate-limit", json!({ "per_minute": null, "headers": "limited" })),
        ];
        for (path, settings) in usual.iter().chain(odd) {
            stack.sandbox.control(Method::PUT, path, Some(settings)).await.with_context(|| name.to_owned())?;
        }
        Ok(Self { stack, name, report: Value::Null })
    }

    async fn asked(mut self, arguments: &[&str]) -> Result<Self> {
        let (said, fine) = self.stack.callbridge(arguments).await?;
        ensure!(fine, "{}: {said}", self.name);
        self.report = report(&said)?;
        let private = ["639984", "Nadia", "callbridge.example", "2010"];
        let said = self.report.to_string();
        ensure!(!private.iter().any(|it| said.contains(it)), "nothing personal: {said}");
        sleep(KNOWN).await;
        Ok(self)
    }

    /// What was found, and what follows.
    fn says(&self, question: &str, answer: &str, so: &str) -> Result<()> {
        let settled = self.report["settled"].as_array().context("settled")?;
        let told = settled.iter().find(|told| told["question"] == question);
        let told = told.with_context(|| format!("{}: {question} in {:#}", self.name, self.report))?;
        let has = |field: &str, text: &str| told[field].as_str().is_some_and(|said| said.contains(text));
        ensure!(has("says", answer) && has("so", so), "{}: {told:#}", self.name);
        Ok(())
    }

    /// Requests to Sellsy for a call of somebody whom nobody knows.
    async fn costs(&self, digits: &str) -> Result<u64> {
        let before = self.stack.sandbox.requests("sellsy").await?;
        let id = self.stack.sandbox.play(&slow(digits)).await?;
        let row = self.stack.ledger().await?.call_that(id, SOON, |row| row.resolved).await?;
        ensure!(row.record().is_none(), "{}: {:?}", self.name, row.record());
        Ok(self.stack.sandbox.requests("sellsy").await? - before)
    }

    /// A contact who was added a moment ago, so that the directory does not have it, is found.
    async fn finds(&self, typed: &str, digits: &str) -> Result<()> {
        let id = self.stack.sandbox.add(&contact("Nouvel").mobile(typed)).await?;
        let call = self.stack.sandbox.play(&slow(digits)).await?;
        let row = self.stack.ledger().await?.call_that(call, SOON, |row| row.resolved).await?;
        ensure!(row.record() == Some(format!("contact {id}")), "{}: {typed}: {:?}", self.name, row.rule());
        Ok(())
    }

    async fn log(&self, call: &Call) -> Result<Value> {
        let id = self.stack.sandbox.play(call).await?;
        self.stack.sandbox.logged(id, SOON).await.with_context(|| self.name.to_owned())
    }

    /// The logs on the record of the test: they are deleted again.
    async fn is_clean(&self) -> Result<()> {
        let all = self.stack.sandbox.phone_calls().await?;
        let left =
            all.iter().filter(|log| log["description"].as_str().is_some_and(|text| text.contains("Callbridge prove")));
        ensure!(left.count() == 0, "{}: a test log is left", self.name);
        Ok(())
    }
}

/// The JSON, without what was said beside it.
fn report(said: &str) -> Result<Value> {
    let at = said.find('{').with_context(|| said.to_owned())?;
    serde_json::from_str(&said[at..]).with_context(|| said.to_owned())
}

/// Long enough for its card.
fn slow(digits: &str) -> Call {
    call(digits).lasting(90).paced(30)
}

fn description(log: &Value) -> &str {
    log["description"].as_str().unwrap_or_default()
}

async fn stack_with_pages(what: &str) -> Result<(Stack, Vec<harness::Process>)> {
    let mut stack = Stack::new(what).await?;
    let page = |of: &str, path: &str| format!("{of}={}/pages/{path}", stack.sandbox.url());
    let links = [
        page("individual", "thirds/{type}/{id}"),
        page("company", "thirds/{type}/{id}"),
        page("contact", "peoples/{id}"),
        page("opportunity", "prospection/opportunities/{id}"),
    ];
    stack.environment.insert("SELLSY_LINKS".into(), links.join(","));
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

#[tokio::test]
async fn seven_accounts_that_read_differently() -> Result<()> {
    let (stack, workers) = stack_with_pages("prove_reads").await?;

    let account = Account::odd(&stack, "digits", &[], false).await?;
    account.says("search", "yes, as 612345678", "one request")?;
    account.says("contact_filters", "nobody", "two requests less")?;
    account.says("short_pages", "none was seen", "the last one")?;
    account.says("quota", "no limit of a minute", "refuses")?;
    account.says("webhook_events", "client, prospect", "all that is wanted")?;
    account.says("links", "yes: company, contact, individual, opportunity", "stay as they are")?;
    account.says("rate", "nothing", "alone counts")?;
    // Three, as long as nobody has asked.
    assert_eq!(account.costs("+33 6 39 98 61 01").await?, 1);
    account.finds("+33 6 39 98 61 02", "+33 6 39 98 61 02").await?;

    let account = Account::odd(&stack, "literal", &[("/sellsy/search", json!({ "phones": "literal" }))], false).await?;
    account.says("search", "612345678, +33 6 12 34 56 78, 06 12 34 56 78", "in 3 spellings")?;
    assert_eq!(account.costs("+33 6 39 98 62 01").await?, 3);
    account.finds("+33 6 39 98 62 02", "+33 6 39 98 62 02").await?;
    account.finds("0639986203", "+33 6 39 98 62 03").await?;

    let odd = [("/sellsy/search", json!({ "phones": "word" })), ("/sellsy/pages", json!({ "pages": "query" }))];
    let account = Account::odd(&stack, "word, pages of the query form", &odd, false).await?;
    account.says("search", "+33 6 12 34 56 78, 0612345678, 06 12 34 56 78", "in 3 spellings")?;
    account.says("contact_filters", "yes, as +33612345678", "with 2 requests")?;
    account.says("links", "no: company, contact, individual, opportunity", "no links to pages that are not there")?;
    assert_eq!(account.costs("+33 6 39 98 63 01").await?, 5);
    account.finds("06 39 98 63 02", "+33 6 39 98 63 02").await?;
    let call = stack.sandbox.play(&slow(CLIENT)).await?;
    let card = card_of(&stack, call).await?;
    assert!(!card["contents"].to_string().contains("link"), "{card}");

    let odd = [("/sellsy/search", json!({ "phones": "off" }))];
    let account = Account::odd(&stack, "no search, exact filters", &odd, false).await?;
    account.says("search", "no", "a request less")?;
    account.says("contact_filters", "yes, as +33612345678, 0612345678", "with 4 requests")?;
    assert_eq!(account.costs("+33 6 39 98 64 01").await?, 4);
    account.finds("0639986402", "+33 6 39 98 64 02").await?;

    let odd = [("/sellsy/search", json!({ "phones": "off", "contact_filters": "digits" }))];
    let account = Account::odd(&stack, "no search, filters by digits", &odd, false).await?;
    account.says("contact_filters", "yes, as 612345678", "with 2 requests")?;
    assert_eq!(account.costs("+33 6 39 98 65 01").await?, 2);
    account.finds("06-39-98-65-02", "+33 6 39 98 65 02").await?;

    let odd = [
        ("/sellsy/search", json!({ "phones": "off", "contact_filters": "ignored" })),
        ("/sellsy/webhook-events", json!({ "without": ["opportunity"] })),
    ];
    let account = Account::odd(&stack, "nothing finds a number, no events of opportunities", &odd, false).await?;
    account.says("search", "no", "a request less")?;
    account.says("contact_filters", "nobody, or others", "not asked")?;
    account.says("webhook_events", "task", "changes of opportunity are read")?;
    assert_eq!(account.costs("+33 6 39 98 66 01").await?, 0);

    let odd = [("/sellsy/search", json!({ "phones": "off", "contact_filters": "ignored", "longest_page": 4 }))];
    let account = Account::odd(&stack, "short pages", &odd, false).await?;
    account.says("short_pages", "yes", "until a page is empty")?;
    let last = stack.sandbox.add(&contact("Dernier").mobile("06 39 98 67 02")).await?;
    let (said, fine) = stack.callbridge(&["directory", "sync", "--everything"]).await?;
    ensure!(fine, "{said}");
    let call = stack.sandbox.play(&slow("+33 6 39 98 67 02")).await?;
    let row = stack.ledger().await?.call_that(call, SOON, |row| row.resolved).await?;
    assert_eq!(row.record(), Some(format!("contact {last}")), "only the directory can know it");

    // Another account's answers say nothing, and what was found can be forgotten.
    let (said, _) = stack.callbridge(&["prove", "--forget"]).await?;
    assert!(said.contains("answers are forgotten"), "{said}");
    let (said, fine) = stack.callbridge(&["prove", "--kept"]).await?;
    assert!(fine && said.contains("Nothing was found out yet."), "{said}");

    // Where nobody sees anything without signing in, a person says which links open; that counts until something else is seen.
    let account =
        Account::not_asked(&stack, "all addresses alike", &[("/sellsy/pages", json!({ "pages": "alike" }))]).await?;
    let (said, fine) = stack.callbridge(&["prove"]).await?;
    assert!(!fine && said.contains("/pages/peoples/") && said.contains("links stays open"), "{said}");
    let account = account.asked(&["prove", "--json", "--links-open", "contact,company"]).await?;
    account.says("links", "yes: company, contact; no: individual, opportunity", "not there")?;
    account.asked(&["prove", "--json"]).await?.says(
        "links",
        "yes: company, contact; no: individual, opportunity",
        "not there",
    )?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn five_accounts_that_write_differently() -> Result<()> {
    let (stack, workers) = stack_with_pages("prove_writes").await?;

    let account = Account::odd(&stack, "as documented", &[], true).await?;
    account.says("texts", "line breaks are kept; what stands in < > is kept", "in lines")?;
    account.says("put", "yes", "left out")?;
    account.says("description", "at least 40,000", "16,000")?;
    account.says("owner", "yes", "the agent")?;
    account.says("new_token_voids", "no", "its own")?;
    account.is_clean().await?;
    let log = account.log(&call(CLIENT)).await?;
    assert!(description(&log).contains("\nEnd of Aircall call"), "{log}");
    assert_eq!(log["owner"]["id"], 101);

    let odd =
        [("/sellsy/texts", json!({ "as": "joined" })), ("/sellsy/phone-call-rules", json!({ "put_is_whole": true }))];
    let account = Account::odd(&stack, "line breaks are lost, PUT is whole", &odd, true).await?;
    account.says("texts", "line breaks are lost", "begins with a dot; the marker is looked for anywhere")?;
    account.says("put", "no", "sent as it stands")?;
    account.is_clean().await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    assert!(description(&log).lines().nth(1).is_some_and(|line| line.starts_with("· ")), "{log}");
    // What a person has changed outlives our next change.
    let path = format!("phone-calls/{}", log["id"]);
    stack.sandbox.change(&path, &json!({ "duration": 999, "priority": 1, "topic": 42 })).await?;
    stack.sandbox.tag(id, &mut Value::Null, "VIP").await?;
    let log = stack.sandbox.log_of(id, SOON, harness::says(&["VIP"])).await?;
    assert_eq!(
        (&log["duration"], &log["priority"], &log["topic"]["id"]),
        (&json!(999), &json!(1), &json!(42)),
        "{log}"
    );

    let odd = [("/sellsy/texts", json!({ "as": "stripped" })), ("/sellsy/phone-call-rules", json!({ "longest": 700 }))];
    let account = Account::odd(&stack, "tags are lost, long texts refused", &odd, true).await?;
    account.says("texts", "what stands in < > is lost", "‹ ›")?;
    account.says("description", "; more is refused", "without being refused first")?;
    let (posts, refused) = writes(&stack).await?;
    let long = "Le devis <B12> comprend la pose. ".repeat(60);
    let log = account.log(&call(CLIENT).after(2, note(&long))).await?;
    assert!(description(&log).chars().count() <= 700, "{log}");
    let log = stack
        .sandbox
        .log_of(call_of(&log)?, SOON, harness::says(&["‹B12›"]))
        .await
        .context("what stands in angle brackets is not lost")?;
    assert!(description(&log).chars().count() <= 700 && description(&log).contains("\nEnd of Aircall call"), "{log}");
    assert_eq!(writes(&stack).await?, (posts + 1, refused), "nothing is refused first");

    let odd = [("/sellsy/phone-call-rules", json!({ "longest": 300, "cuts": true, "owners": "replaced" }))];
    let account = Account::odd(&stack, "long texts are cut, owners replaced", &odd, true).await?;
    account.says("description", "300 characters; what is longer is cut", "nothing of them")?;
    account.says("owner", "no", "own staff member")?;
    let log = account.log(&call(CLIENT).after(0, note(&long))).await?;
    assert!(description(&log).chars().count() <= 300 && description(&log).ends_with(')'), "{log}");
    assert_eq!(log["history"][0]["body"]["owner_id"], 103, "{log}");

    let odd = [
        ("/sellsy/phone-call-rules", json!({ "owners": "own" })),
        ("/sellsy/tokens", json!({ "new_voids_older": true })),
    ];
    let account = Account::odd(&stack, "no other owner, a new token voids older ones", &odd, true).await?;
    account.says("owner", "no", "no request is spent")?;
    account.says("new_token_voids", "yes", "the workers' token")?;
    // The workers take the token that was fetched last.
    account.log(&call(CLIENT)).await?;
    let (posts, refused) = writes(&stack).await?;
    let void = stack.sandbox.answers("sellsy", 401).await?;
    stack.callbridge(&["check", "--json"]).await?;
    let log = account.log(&call(CLIENT)).await?;
    assert_eq!(log["owner"]["id"], 103);
    assert_eq!(writes(&stack).await?, (posts + 1, refused), "nothing is refused first");
    assert_eq!(stack.sandbox.answers("sellsy", 401).await?, void, "no token was made void");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_account_that_takes_short_cards_and_says_its_rate() -> Result<()> {
    let (stack, workers) = stack_with_pages("prove_cards").await?;
    let odd = [
        ("/aircall/card-rules", json!({ "late": 410, "lines": 2 })),
        ("/aircall/rate-limit", json!({ "per_minute": 50, "headers": "always" })),
    ];
    let account = Account::not_asked(&stack, "short cards, a rate in each answer", &odd).await?;
    let mut prove = stack.begin(&["prove", "--json", "--card", CLIENT, "--wait", "60s"]).await?;
    let reading_ends =
        || async { (stack.sandbox.count("sellsy", "POST /opportunities/search").await.ok()? > 1).then_some(()) };
    eventually(SOON, reading_ends).await.context("the reading ends")?;
    sleep(Duration::from_secs(1)).await;
    let tested = stack.sandbox.play(&call(CLIENT).lasting(90).paced(200)).await?;
    let ended = prove.wait(Duration::from_secs(60)).await?;
    ensure!(ended.success(), "{}", prove.output());
    let account = Account { report: report(&prove.output())?, ..account };
    account.says("card", "first 204, second 204, after the call 410; at most 2 lines", "at most 2 lines")?;
    account.says("rate", "50 requests in a minute", "no more than 50")?;
    sleep(KNOWN).await;
    let (said, _) = stack.callbridge(&["budget", "--json"]).await?;
    let windows: Value = serde_json::from_str(&said)?;
    let windows = windows.as_array().context("windows")?;
    assert!(windows.iter().any(|one| one["api"] == "aircall" && one["limit"] == 50), "{said}");
    let (said, _) = stack.callbridge(&["check", "--json"]).await?;
    let findings: Value = serde_json::from_str(&said)?;
    let findings = findings["findings"].as_array().context("findings")?;
    let warned = findings.iter().any(|one| {
        one["what"] == "what was found on the accounts"
            && one["state"] == "warning"
            && one["cure"].as_str().is_some_and(|cure| cure.contains("AIRCALL_REQUESTS_PER_MINUTE=50"))
    });
    assert!(warned, "{said}");

    let next = stack.sandbox.play(&slow(CLIENT)).await?;
    let card = card_of(&stack, next).await?;
    assert_eq!(card["contents"].as_array().map(Vec::len), Some(2), "{card}");
    ensure!(tested != next);
    drop(workers);
    stack.down().await
}

async fn card_of(stack: &Stack, call: i64) -> Result<Value> {
    let shown = || async {
        let cards = stack.sandbox.get("/aircall/insight-cards").await.ok()?;
        cards.as_array()?.iter().find(|card| card["call_id"] == call).cloned()
    };
    eventually(SOON, shown).await.context("the card")
}

/// Logs that were written to Sellsy, and writes that it refused.
async fn writes(stack: &Stack) -> Result<(u64, u64)> {
    Ok((stack.sandbox.count("sellsy", "POST /phone-calls").await?, stack.sandbox.answers("sellsy", 400).await?))
}

fn call_of(log: &Value) -> Result<i64> {
    let first = description(log).lines().next().unwrap_or_default();
    first.strip_prefix("Aircall call ").and_then(|id| id.trim().parse().ok()).context("a marker")
}
