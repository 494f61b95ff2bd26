//! The weekly message: each receiver gets it once, from two replicas, and none after a restart.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{Stack, build::call, eventually};
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::{SECRET, SIGNING, assert_discreet, ingests, receivers::Posted, settings, verify};
use crate::{CLIENT, SOON};

/// Between two looks, and some more.
const A_LOOK: Duration = Duration::from_secs(25);

#[tokio::test]
#[ignore = "nightly: two minutes"]
async fn the_weekly_report_comes_once() -> Result<()> {
    let (posted, url) = Posted::listen().await?;
    let mut stack = Stack::new("alerts_weekly").await?;
    let yesterday = Timestamp::now().to_zoned(TimeZone::get("Europe/Paris")?).checked_sub(1.days())?.start_of_day()?;
    let (hook, slack) = (format!("/hooks/{SECRET}"), format!("/slack/{SECRET}"));
    settings(
        &mut stack,
        [
            ("ALERT_WEBHOOK_URL", format!("{url}{hook}")),
            ("ALERT_WEBHOOK_SECRET", SIGNING.into()),
            ("ALERT_SLACK_URL", format!("{url}{slack}")),
            // Nothing else is told.
            ("ALERT_KINDS", "budget_exhausted".into()),
            ("REPORT_EVERY", "1s".into()),
            ("REPORT_WEEKLY", yesterday.strftime("%A").to_string().to_lowercase()),
            ("LOG_LANGUAGE", "en".into()),
            ("CONSOLE_URL", "https://calls.example.com".into()),
        ],
    );
    posted.refuse(&slack, 1);
    let mut workers = ingests(&mut stack, 2).await?;
    for worker in ["resolver", "logger"] {
        workers.push(stack.start(worker).await?);
    }
    stack.directory_loaded(SOON).await?;
    stack.sandbox.deliver_to(&workers[0].url).await?;
    let at = |days: i64| yesterday.timestamp().as_second() - days * 86_400 + 43_200;
    for call in [
        call(CLIENT).missed().started_at(at(1)),
        call(CLIENT).lasting(90).started_at(at(6)),
        // Of the weeks before.
        call(CLIENT).lasting(90).started_at(at(9)),
        call(CLIENT).lasting(90).started_at(at(20)),
    ] {
        stack.sandbox.play(&call.at_once()).await?;
    }
    stack.sandbox.delivered(SOON).await?;
    tokio::time::sleep(A_LOOK).await;
    assert_eq!(posted.all().len(), 0, "nothing is told before the figures are there");
    workers.push(stack.start("followups").await?);

    let counts = || [posted.on(&hook).len(), posted.on(&slack).len()];
    let told = || async { (counts() == [1, 1]).then_some(()) };
    eventually(4 * SOON, told).await.with_context(|| format!("{:?}", counts()))?;
    let report = &posted.on(&hook)[0];
    verify(report, SIGNING)?;
    let json = &report.json;
    assert_eq!((&json["kind"], &json["state"]), (&"weekly_report".into(), &"report".into()), "{json}");
    assert_eq!(
        (&json["details"]["week"]["missed"], &json["details"]["week"]["answered"]),
        (&1.into(), &1.into()),
        "{json}"
    );
    assert_eq!(json["details"]["week_before"]["answered"], 1, "{json}");
    assert_eq!(json["link"], "https://calls.example.com/reports?days=7");
    assert!(
        json["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("Callbridge: 2 calls, 2 inbound and 0 outbound (+100 %")),
        "{json}"
    );
    assert_eq!(posted.on(&slack)[0].json["text"], json["text"]);

    // Neither the other replica nor one that is started again tells it once more.
    tokio::time::sleep(A_LOOK).await;
    let mut again = ingests(&mut stack, 1).await?;
    tokio::time::sleep(A_LOOK).await;
    assert_eq!(counts(), [1, 1]);
    let told: String = posted.all().iter().map(|post| post.json.to_string()).collect();
    workers.append(&mut again);
    assert_discreet(&told, &workers);
    drop(workers);
    stack.down().await
}
