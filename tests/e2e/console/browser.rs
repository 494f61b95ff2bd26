//! The console in headless Chromium: every page, wide and narrow, light and dark, in both languages; the paths from a question
//! to its answer; and screenshots of all of it, in `target/screenshots`. With `SCREENSHOTS=docs` the few that the
//! documents show are written to `docs/images`.

mod card;
mod chromium;
mod keyboard;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{
    Process, Stack,
    build::{AGENT, call, company, sellsy, webhook},
    eventually, related, workspace,
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use thirtyfour::Key;

use self::chromium::{Browser, View};
use crate::SOON;

const MORNING: &str = include_str!("../../../tools/demo/morning.toml");
/// The callers of the day and night before the demo's morning: some are known, some are not.
const CALLERS: [&str; 6] = [
    "+33 6 39 98 41 07",
    "+33 6 39 98 00 11",
    "+33 1 99 00 30 01",
    "+33 6 39 98 40 02",
    "+33 6 39 98 99 01",
    "+33 6 39 98 00 04",
];
/// The number of calls in each of the last hours, latest first.
const BUSY: [usize; 16] = [2, 3, 4, 2, 1, 0, 0, 0, 0, 0, 0, 1, 2, 4, 5, 3];
/// Of two companies that a person adds: the rules choose the first one.
const OF_COMPANIES: &str = "+33 1 99 00 77 01";
const COMPANIES: [&str; 2] = ["Pressing Vidal", "Menuiserie Vidal"];
/// A number that is on the records of two people.
const SHARED: &str = "+33 6 39 98 00 04";
/// The screenshots in the documents: the page, the view, the language.
const SHOWN: [(&str, &str, &str); 15] = [
    ("overview", "desktop", "en"),
    ("search", "desktop", "en"),
    ("call", "desktop", "en"),
    ("reports", "desktop", "en"),
    ("reports-people", "desktop", "en"),
    ("dead", "desktop", "en"),
    ("letter", "desktop", "en"),
    ("missed", "desktop", "en"),
    ("directory", "desktop", "en"),
    ("check", "desktop", "en"),
    ("backfill", "desktop", "en"),
    ("audit", "desktop", "en"),
    ("overview", "dark", "fr"),
    ("calls", "phone", "fr"),
    ("call", "phone", "fr"),
];

/// With a million calls, no other page than that of missed calls may take longer.
const PATIENCE: Duration = Duration::from_secs(1);
/// The screenshots in the documents are whole pages in their real size, unless a page is longer than anybody looks at.
const HIGHEST: u64 = 4000;

struct PageCheck {
    browser: Browser,
    console: Process,
    /// The faults of all pages, so that one run reports all of them.
    faults: Vec<String>,
}

#[tokio::test]
async fn every_page_can_be_seen_and_used() -> Result<()> {
    let Some(browser) = Browser::start().await? else { return Ok(()) };
    let mut stack = Stack::new("console_browser").await?;
    // As in the demo, so that budgets have something to show.
    for (name, value) in [
        ("SELLSY_REQUESTS_PER_SECOND", "20"),
        ("SELLSY_REQUESTS_PER_MINUTE", "540"),
        ("AIRCALL_REQUESTS_PER_MINUTE", "120"),
        ("REPORT_EVERY", "1s"),
    ] {
        stack.environment.insert(name.into(), value.into());
    }
    let mut workers = stack.start_all().await?;
    morning(&stack).await?;
    let other_company = on_the_wrong_company(&stack).await?;
    let (wrong, parked) = troubles(&stack).await?;
    // A logger remembers for minutes that it may not write.
    workers[2].terminate(SOON).await?;
    workers[2] = stack.start("logger").await?;
    let console = stack.start_console().await?;
    let mut check = PageCheck { browser, console, faults: Vec::new() };

    let followups = stack.start("followups").await?;
    followups.until_ready(SOON).await?;
    check.look("login", "/login").await?;
    check.log_in_by_keyboard().await?;
    check.why_within_two_clicks(wrong).await?;
    check.put_right_in_three_clicks(&stack, other_company).await?;
    let letter = check.first_letter().await?;
    check.put_right_by_keyboard(wrong).await?;
    check.act_by_keyboard().await?;
    for (name, path) in [
        ("overview", "/".to_owned()),
        ("calls", "/calls".into()),
        ("search", "/calls?q=moreau".into()),
        ("call", format!("/calls/{wrong}")),
        ("parked", format!("/calls/{parked}")),
        ("missed", "/missed".into()),
        ("messages", "/messages".into()),
        ("dead", "/dead".into()),
        ("explained", "/dead?explain=SELLSY_FORBIDDEN".into()),
        ("directory", "/directory".into()),
        ("followups", "/followups".into()),
        ("pins", "/pins".into()),
        ("check", "/check".into()),
        ("webhook", "/webhook".into()),
        ("backfill", "/backfill".into()),
        ("rules", "/rules".into()),
        ("forget", "/forget".into()),
        ("reports", "/reports?days=7".into()),
        ("reports-people", "/reports/people?days=7".into()),
        ("reports-customers", "/reports/customers?days=7".into()),
        ("reports-conversations", "/reports/conversations?days=7".into()),
        ("audit", "/audit".into()),
        ("month", "/?days=30".into()),
        ("letter", letter),
    ] {
        check.look(name, &path).await?;
    }
    check.picture_of_a_card(&stack).await?;
    check.one_click_retries(&stack, parked).await?;
    ensure!(check.faults.is_empty(), "{}", check.faults.join("\n"));
    check.browser.quit().await?;
    drop((workers, followups, check.console));
    stack.down().await
}

/// A year of a million calls: every page that shows calls, in every view, and how long it takes. The figures stand in docs/performance.md.
#[tokio::test]
#[ignore = "nightly"]
async fn every_page_with_a_million_calls() -> Result<()> {
    let Some(browser) = Browser::start().await? else { return Ok(()) };
    let stack = Stack::new("console_million").await?;
    ensure!(stack.callbridge(&["migrate"]).await?.1);
    stack.ledger().await?.fill_for_reports(1_000_000, 364).await?;
    let console = stack.start_console().await?;
    let operator = super::operator(&console).await?;
    let mut check = PageCheck { browser, console, faults: Vec::new() };
    check.log_in_by_keyboard().await?;
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut slow = Vec::new();
    for (name, path) in [
        ("overview", "/".to_owned()),
        ("week", "/?days=7".into()),
        ("month", "/?days=30".into()),
        ("calls", "/calls".into()),
        ("agent", "/calls?agent=Agent+7".into()),
        ("unmatched", "/calls?state=unmatched".into()),
        ("digits", "/calls?q=3337".into()),
        ("longest", format!("/calls?sort=longest&from={}", today - 1.day())),
        ("too-many", "/calls?sort=longest".into()),
        ("call", "/calls/1000000500".into()),
        ("missed", "/missed".into()),
        ("missed-month", "/missed?days=30".into()),
        ("followups", "/followups".into()),
        ("audit", "/audit".into()),
    ] {
        let mut times = Vec::new();
        for _ in 0..3 {
            let began = Instant::now();
            operator.get(&path).await?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        println!("{path}: {} ms, at most {} ms", times[1].as_millis(), times[2].as_millis());
        // What was missed in a month is computed from the calls of all who reached nobody in it.
        let patience = if name == "missed-month" { 6 * PATIENCE } else { PATIENCE };
        if times[1] > patience {
            slow.push(format!("{path}: {times:?}"));
        }
        check.look(&format!("million-{name}"), &path).await?;
    }
    ensure!(check.faults.is_empty(), "{}", check.faults.join("\n"));
    ensure!(slow.is_empty(), "{slow:#?}");
    check.browser.quit().await?;
    drop(check.console);
    stack.down().await
}

/// The demo's calls, and those of the day before.
async fn morning(stack: &Stack) -> Result<()> {
    let now = Timestamp::now();
    for (hours, calls) in (1_i64..).zip(BUSY) {
        for n in 0..calls {
            let minutes = i64::try_from(n * 11)? % 60;
            let started_at = now.checked_sub(hours.hours())?.checked_sub(minutes.minutes())?.as_second();
            let caller = CALLERS[(n + usize::try_from(hours)?) % CALLERS.len()];
            let n = i64::try_from(n)?;
            let call = call(caller).by(AGENT + n % 3).lasting(40 + 37 * n).started_at(started_at);
            stack.sandbox.play(&if n % 3 == 1 { call.outbound() } else { call }).await?;
        }
    }
    let morning: Value = serde_json::to_value(MORNING.parse::<toml::Table>()?)?;
    let calls = |name: &str| morning[name].as_array().cloned().unwrap_or_default();
    for call in calls("call").iter().chain(&calls("call_during_outage")) {
        stack.sandbox.play(&call["play"]).await?;
    }
    for conversation in calls("conversation") {
        let path = format!("/aircall/conversations/{}", conversation["name"].as_str().context("name")?);
        stack.sandbox.control(reqwest::Method::POST, &path, Some(&json!({ "pace_ms": 5 }))).await?;
    }
    stack.sandbox.delivered(2 * SOON).await?;
    settled(stack).await
}

async fn settled(stack: &Stack) -> Result<()> {
    let ledger = stack.ledger().await?;
    let settled = || async {
        let rows = ledger.calls().await.ok()?;
        rows.iter().all(|row| !["undecided", "unlogged"].contains(&row.state.as_str())).then_some(())
    };
    eventually(3 * SOON, settled).await.context("every call is settled")
}

/// A call that a user expects on another record, and one that Sellsy did not let us log, among others.
async fn troubles(stack: &Stack) -> Result<(i64, i64)> {
    let call = |digits: &str| call(digits).lasting(90).recorded().paced(5);
    let wrong = stack.sandbox.play(&call(SHARED)).await?;
    stack.sandbox.logged(wrong, SOON).await?;
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    let mut last = 0;
    for digits in ["+33 6 39 98 00 11", "+33 1 99 00 30 01", "+33 6 39 98 41 07"] {
        last = stack.sandbox.play(&call(digits)).await?;
    }
    stack.sandbox.send([webhook("call.ended", json!({}))]).await?;
    stack.parked(Stage::Logger, 3, 2 * SOON).await?;
    stack.sandbox.set_faults([]).await?;
    Ok((wrong, last))
}

/// A call that the rules log on the first of two companies, and the id of the second.
async fn on_the_wrong_company(stack: &Stack) -> Result<i64> {
    let mut other = 0;
    for name in COMPANIES {
        other = stack.sandbox.add(&company(name).client().phone(OF_COMPANIES)).await?;
    }
    let id = stack.sandbox.play(&call(OF_COMPANIES).lasting(125).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    Ok(other)
}

impl PageCheck {
    /// Checks the page in every view and language, and takes a screenshot of each.
    async fn look(&mut self, name: &str, path: &str) -> Result<()> {
        for lang in ["en", "fr"] {
            for view in [View::DESKTOP, View::PHONE, View::DARK] {
                self.browser.look_with(view).await?;
                let mark = if path.contains('?') { '&' } else { '?' };
                self.browser.open(&format!("{}{path}{mark}lang={lang}", self.console.url)).await?;
                if (lang, view.name) == ("en", View::DESKTOP.name) {
                    self.faults.extend(self.reach_everything(name).await?);
                }
                if name == "directory" {
                    self.browser.find("#number").await?.send_keys("01 99 00 20 20").await?;
                    self.browser.find("form[action='/directory'] button").await?.click().await?;
                    self.browser.says("Fabre et Filles").await?;
                }
                let about = format!("{name}, {}, {lang}", view.name);
                let faults = self.browser.faults().await.with_context(|| about.clone())?;
                self.faults.extend(faults.into_iter().map(|fault| format!("{about}: {fault}")));
                let file = format!("{name}-{}-{lang}.png", view.name);
                let picture = workspace().join("target/screenshots").join(&file);
                self.browser.photograph(&picture, u64::MAX, 1.0).await?;
                let wanted = std::env::var("SCREENSHOTS").is_ok_and(|wanted| wanted == "docs");
                if wanted && SHOWN.contains(&(name, view.name, lang)) {
                    let shown = workspace().join("docs/images").join(format!("console-{file}"));
                    self.browser.photograph(&shown, HIGHEST, 1.0).await?;
                }
            }
        }
        self.browser.look_with(View::DESKTOP).await
    }

    /// The address of a dead letter.
    async fn first_letter(&self) -> Result<String> {
        self.browser.open(&format!("{}/dead?lang=en", self.console.url)).await?;
        let link = self.browser.find("a[href^='/dead/letters/']").await?;
        link.attr("href").await?.context("an address")
    }

    /// A user says that this call is on the wrong record: two clicks from the first page show why it is there.
    async fn why_within_two_clicks(&self, wrong: i64) -> Result<()> {
        self.browser.open(&format!("{}/?lang=en", self.console.url)).await?;
        self.browser.link("Calls").await?.click().await?;
        self.browser.find(&format!("a[href='/calls/{wrong}']")).await?.click().await?;
        let page = self.browser.says("Why this record?").await?;
        for text in ["Marc Roussel", "because the first of 2 records of kind individual", "Anne Roussel", "Chosen"] {
            ensure!(page.contains(text), "{text}: {page}");
        }
        Ok(())
    }

    /// “My call with +33 1 99 00 77 01 is on the wrong company”: found, explained and put right.
    async fn put_right_in_three_clicks(&self, stack: &Stack, other: i64) -> Result<()> {
        self.browser.open(&format!("{}/?lang=en", self.console.url)).await?;
        let began = Instant::now();
        self.browser.link("Calls").await?.click().await?;
        self.browser.find("#q").await?.send_keys("01 99 00 77 01" + Key::Enter).await?;
        self.browser.says("1 call").await?;
        self.browser.link(COMPANIES[0]).await?.click().await?;
        let page = self.browser.says("because the first of 2 records of kind company").await?;
        ensure!(page.contains(COMPANIES[1]), "{page}");
        self.browser.find(&format!("input[value='company:{other}'] + button")).await?.click().await?;
        self.browser.says("because moved here by").await?;
        let took = began.elapsed();
        println!("found, explained and put right in three clicks and {took:?}");
        ensure!(took < Duration::from_secs(10), "{took:?}");
        let calls = stack.sandbox.phone_calls().await?;
        let is_moved = |log: &&Value| related(log).contains(&("company".to_owned(), other));
        let moved = || async { stack.sandbox.phone_calls().await.ok()?.iter().find(is_moved).map(|_| ()) };
        eventually(SOON, moved).await.context("the log is on the other company")?;
        ensure!(stack.sandbox.phone_calls().await?.len() == calls.len(), "and nowhere twice");
        Ok(())
    }

    /// One click on the parked call, and the page itself shows the result.
    async fn one_click_retries(&self, stack: &Stack, parked: i64) -> Result<()> {
        self.browser.open(&format!("{}/calls/{parked}?lang=en", self.console.url)).await?;
        self.browser.says("This call has a dead letter.").await?;
        self.browser.find(".callout button").await?.click().await?;
        self.browser.says("An operator replayed the message:").await?;
        stack.sandbox.logged(parked, SOON).await?;
        self.browser.find("h1 .pill.logged").await?;
        self.browser.says("Logged: Sellsy call").await?;
        Ok(())
    }
}
