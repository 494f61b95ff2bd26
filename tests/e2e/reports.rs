//! Reports: the figures of a handful of calls, exactly; what changes late; what is left of somebody who is erased.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base::say;
use harness::{
    Stack,
    build::{call, sentiment, tag, topics},
    eventually,
};
use jiff::{Timestamp, ToSpan, Zoned, civil::Date};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON, console::operator};

/// Company 3001 with the opportunity 6102.
const COMPANY: &str = "+33 1 99 00 30 01";
const STRANGERS: [&str; 2] = ["+33 6 39 98 77 05", "+33 6 39 98 77 06"];
const OFTEN: &[(&str, &str)] = &[("REPORT_EVERY", "1s")];

/// Older than what is computed again by itself.
fn old_day() -> Result<(Date, impl Fn(i64, i64) -> i64)> {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Europe/Paris")?);
    let day: Zoned = today.checked_sub(12.days())?.start_of_day()?;
    let began = day.timestamp().as_second();
    Ok((day.date(), move |hour, minute| began + hour * 3600 + minute * 60))
}

/// The rows of a report, as the command tells them, once `enough` accepts them.
async fn report(stack: &Stack, of: &str, enough: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
    let read = || async {
        let (said, good) = stack.callbridge(&["report", "--of", of, "--days", "30", "--json"]).await.ok()?;
        let report: Value = serde_json::from_str(&said).ok().filter(|_| good)?;
        report["rows"].as_array().cloned()
    };
    let found = eventually(2 * SOON, || async { read().await.filter(|rows| enough(rows)) }).await;
    match found {
        Some(rows) => Ok(rows),
        None => anyhow::bail!("{of}: {:#?}", read().await),
    }
}

fn figure(row: &Value, name: &str) -> i64 {
    row[name].as_i64().unwrap_or(-1)
}

fn row_of<'a>(rows: &'a [Value], key: &str) -> Option<&'a Value> {
    rows.iter().find(|row| row["key"] == key)
}

#[tokio::test]
async fn the_figures_of_a_handful_of_calls() -> Result<()> {
    let (mut stack, mut workers) = Stack::running_with("reports", OFTEN).await?;
    let (day, at) = old_day()?;
    let key = day.to_string();
    let about = |text| [sentiment(text), topics(&["Devis"])];
    let [mood, subject] = about("NEGATIVE");
    let answered = call(CLIENT).by(502).for_teams(&[701]).ringing(6).lasting(125).started_at(at(10, 0));
    let of_company = call(COMPANY).ringing(30).lasting(90).started_at(at(12, 30)).after(2, tag("VIP"));
    let of_company = of_company.after(100, mood).after(101, subject);
    let mut calls = Vec::new();
    for call in [
        answered,
        call(CLIENT).missed().started_at(at(11, 0)),
        call(CLIENT).outbound().ringing(10).lasting(70).started_at(at(11, 10)),
        call(STRANGERS[0]).voicemail().started_at(at(12, 0)),
        of_company,
        call(STRANGERS[1]).missed().started_at(at(13, 0)),
        // Between colleagues: nobody's business.
        call("301").missed().started_at(at(14, 0)),
        // Two days later, somebody answers whom nobody had answered.
        call(STRANGERS[1]).ringing(5).lasting(65).started_at(at(2 * 24 + 9, 0)),
    ] {
        calls.push(stack.sandbox.play(&call.at_once()).await?);
    }
    stack.sandbox.delivered(SOON).await?;
    let ledger = stack.ledger().await?;
    for id in &calls {
        ledger.call_that(*id, SOON, |row| row.resolved && !row.leased).await?;
    }
    let has_insights = |row: &harness::CallRow| row.insights.as_object().is_some_and(|all| all.len() == 2);
    ledger.call_that(calls[4], 2 * SOON, has_insights).await.context("insights")?;
    workers.push(stack.start("followups").await?);

    // What the sandbox says of times is what is counted.
    let mut talked = 0;
    for call in [calls[0], calls[2], calls[4]] {
        let call = stack.sandbox.call(call).await?;
        talked += call["ended_at"].as_i64().context("an end")? - call["answered_at"].as_i64().context("an answer")?;
    }
    let days = report(&stack, "days", |rows| row_of(rows, &key).is_some_and(|row| row["calls"] == 6)).await?;
    ensure!(days.len() == 30, "every day has a row: {days:#?}");
    let row = row_of(&days, &key).context("the day")?;
    for (name, expected) in [
        ("inbound", 5),
        ("answered", 2),
        ("missed", 3),
        ("voicemail", 1),
        // The client was called back, and the second stranger rang again.
        ("not_called_back", 1),
        ("waited_s", 36),
        ("within_10_s", 1),
        ("within_20_s", 1),
        ("within_30_s", 2),
        ("mean_wait_s", 18),
        ("outbound", 1),
        ("reached", 1),
        ("talked_s", talked),
        ("tagged", 1),
        ("noted", 0),
        ("with_insights", 1),
        ("known", 3),
        ("first_contact", 2),
        ("negative", 1),
        ("positive", 0),
    ] {
        ensure!(figure(row, name) == expected, "{name} is not {expected}: {row:#}");
    }
    let later = row_of(&days, &day.checked_add(2.days())?.to_string()).context("a later day")?;
    ensure!(figure(later, "answered") == 1 && figure(later, "first_contact") == 0, "it had called before: {later:#}");
    let companies = report(&stack, "companies", |rows| rows.len() == 1).await?;
    ensure!(companies[0]["key"] == "3001" && companies[0]["name"] == "Atelier Verdier", "{companies:#?}");
    let opportunities = report(&stack, "opportunities", |rows| rows.len() == 2).await?;
    let of_client = row_of(&opportunities, "6001").context("the client's")?;
    ensure!(of_client["name"] == "Cuisine sur mesure" && figure(of_client, "calls") == 3, "{opportunities:#?}");
    let agents = report(&stack, "agents", |rows| row_of(rows, "502").is_some()).await?;
    ensure!(
        row_of(&agents, "502").is_some_and(|row| row["answered"] == 1 && row["name"] == "Hugo Lefèvre"),
        "{agents:#?}"
    );
    let teams = report(&stack, "teams", |rows| rows.len() == 1).await?;
    ensure!(teams[0]["key"] == "701" && teams[0]["calls"] == 1, "{teams:#?}");
    let weekday = day.weekday().to_monday_one_offset();
    let hours = report(&stack, "hours", |rows| rows.len() > 4).await?;
    ensure!(row_of(&hours, &format!("{weekday}-11")).is_some_and(|row| row["calls"] == 2), "{hours:#?}");
    // One call is too few for its topic to be told.
    ensure!(report(&stack, "topics", |_| true).await?.is_empty());

    // A tag that comes late.
    let mut tagged = stack.sandbox.call(calls[0]).await?;
    stack.sandbox.tag(calls[0], &mut tagged, "Devis").await?;
    report(&stack, "days", |rows| row_of(rows, &key).is_some_and(|row| row["tagged"] == 2))
        .await
        .context("a late tag")?;

    pages_show_them(&stack, &key).await?;

    // Somebody is erased: at once nothing leads to them any more, and then their calls count no more.
    let (said, good) = stack.callbridge(&["forget", CLIENT, "--yes"]).await?;
    ensure!(good, "{said}");
    for (rows, trace) in [(ledger.report_rows("opportunity").await?, "6001"), (ledger.report_names().await?, "Cuisine")]
    {
        ensure!(rows.iter().all(|row| !row.contains(trace)), "{trace} in {rows:?}");
    }
    let left = report(&stack, "days", |rows| row_of(rows, &key).is_some_and(|row| row["calls"] == 3)).await?;
    ensure!(row_of(&left, &key).is_some_and(|row| row["known"] == 1), "{left:#?}");
    report(&stack, "opportunities", |rows| rows.len() == 1 && rows[0]["key"] == "6102").await?;
    for trace in ["4107", "Camille", "Moreau", "7705", STRANGERS[0]] {
        for part in ["all", "hour", "line", "team", "agent", "company", "opportunity", "topic"] {
            let rows = ledger.report_rows(part).await?;
            ensure!(rows.iter().all(|row| !row.contains(trace)), "{trace} in {part}: {rows:?}");
        }
    }
    drop(workers);
    stack.down().await
}

/// The same figures on pages, as a sheet and as JSON.
async fn pages_show_them(stack: &Stack, day: &str) -> Result<()> {
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let page = operator.get("/reports?days=30&lang=en").await?;
    for part in
        [">7<", "2 inbound, 1 of them missed", "Mean time to answer", "Calls a day", "As a table", "Computed on"]
    {
        ensure!(page.contains(part), "{part}: {page}");
    }
    let french = operator.get("/reports?days=30&lang=fr").await?;
    ensure!(french.contains("Non rappelés") && french.contains("Quand on vous appelle"), "{french}");
    for (path, part) in [
        ("/reports/people?days=30&lang=en", "Hugo Lefèvre"),
        ("/reports/customers?days=30", "Atelier Verdier"),
        ("/reports/customers?days=30", "First contacts"),
        ("/reports/conversations?days=30", "How callers feel"),
        ("/reports/people?days=7", "Nothing in this period."),
        ("/reports?month=2020-02", "From 1 Feb 2020 to 29 Feb 2020."),
    ] {
        let page = operator.get(path).await?;
        ensure!(page.contains(part), "{path} {part}: {page}");
    }
    let sheet = operator.get("/reports.csv?of=days&days=30").await?;
    let row = sheet.lines().find(|line| line.starts_with(day)).context("the day")?;
    ensure!(row.starts_with(&format!("{day},{day},6,5,2,3,1,1,36,")), "{row}");
    let (said, _) = stack.callbridge(&["tokens", "add", "sheets", "--role", "viewer"]).await?;
    let token = said.lines().find(|line| line.starts_with("cb_")).context("a token")?;
    let answer = reqwest::Client::new()
        .request(Method::GET, format!("{}/api/reports?of=lines&days=30", console.url))
        .bearer_auth(token)
        .send()
        .await?;
    let json: Value = answer.json().await?;
    ensure!(json["of"] == "lines" && json["rows"][0]["inbound"] == json!(6), "{json:#}");
    Ok(())
}

/// Each page answers within so long, whatever the ledger holds.
const A_PAGE: Duration = Duration::from_millis(300);
/// The server's first page prepares statements.
const TIMES: usize = 5;

/// A year of 1,000,000 calls, all of them still in the ledger. The figures stand in docs/performance.md.
#[tokio::test]
#[ignore = "nightly"]
async fn a_million_calls_keep_no_page_waiting() -> Result<()> {
    const CALLS: i64 = 1_000_000;
    const DAYS: i64 = 364;
    let settings = [("RETENTION_DAYS", "400"), ("REPORT_EVERY", "10m")];
    let mut stack = Stack::new("reports_million").await?;
    stack.environment.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let ledger = {
        // The first program creates the tables.
        ensure!(stack.callbridge(&["migrate"]).await?.1);
        stack.ledger().await?
    };
    let begun = Instant::now();
    ledger.fill_for_reports(CALLS, DAYS).await?;
    say!("{CALLS} calls in {:.0} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let followups = stack.start("followups").await?;
    let all = || async { ledger.report_size().await.ok().filter(|(days, _)| *days > DAYS) };
    let (days, rows) = eventually(Duration::from_secs(1800), all).await.context("all days are computed")?;
    let took = begun.elapsed();
    let a_day = took.as_secs_f64() * 1000.0 / days as f64;
    say!("{days} days, {rows} rows in {:.0} s: {a_day:.0} ms a day of {} calls", took.as_secs_f64(), CALLS / DAYS);

    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let mut slow = Vec::new();
    let a_month_ago = old_day()?.0.saturating_sub(1.months()).strftime("%Y-%m").to_string();
    for path in [
        "/reports?days=7",
        "/reports?days=30",
        "/reports?days=365",
        "/reports/people?days=365",
        "/reports/customers?days=7",
        "/reports/customers?month=MONTH",
        "/reports/customers?days=30",
        "/reports/customers?days=90",
        "/reports/customers?days=365",
        "/reports/conversations?days=365",
    ] {
        let path = path.replace("MONTH", &a_month_ago);
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let begun = Instant::now();
            operator.get(&path).await?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        say!("{path}: {} ms, at most {} ms", times[TIMES / 2].as_millis(), times[TIMES - 1].as_millis());
        if times[TIMES / 2] > A_PAGE {
            slow.push(format!("{path}: {times:?}"));
        }
    }
    drop((followups, console));
    ensure!(slow.is_empty(), "{slow:#?}");
    stack.down().await
}
