//! What people type into a record finds it when its number calls, and nobody else's.

use anyhow::{Context, Result};
use harness::{
    CallRow, Stack,
    build::{call, individual, sellsy},
};

use serde_json::json;

use crate::SOON;

/// What was typed, and the numbers that call.
const TYPED: [(&str, &[&str]); 14] = [
    ("01 99 00 61 01 - 06 39 98 61 01", &["+33199006101", "+33639986101"]),
    ("0199006102/0639986102", &["+33199006102", "+33639986102"]),
    ("01 99 00 61 03\t06 39 98 61 03", &["+33199006103", "+33639986103"]),
    ("Bureau 2 : 01 99 00 61 04 poste 12", &["+33199006104"]),
    ("06 39 98 61 05 (2ème ligne)", &["+33639986105"]),
    ("TEL:0639986106 (Marie)", &["+33639986106"]),
    ("Port1: 06 39 98 61 07 9h-18h", &["+33639986107"]),
    ("06Â\u{a0}39Â\u{a0}98Â\u{a0}61Â\u{a0}08", &["+33639986108"]),
    ("06_39·98,61 09#", &["+33639986109"]),
    ("0596 30 61 10", &["+596596306110"]),
    ("0263 10 61 11", &["+262263106111"]),
    ("0508 41 61 12", &["+508416112"]),
    ("+229 97 12 61 13", &["+2290197126113"]),
    ("33639986114.0", &["+33639986114"]),
];
/// What was typed, and whose number it must not become.
const UNREAD: [(&str, &str); 3] =
    [("3.36399861E+10", "+33336399861"), ("06 39 98 61 2O", "+33063998612"), ("06 39 98 61 22 33", "+33639986122")];
/// The line in Great Britain, and one in France.
const LONDON: i64 = 1003;
const PARIS: i64 = 1001;

async fn decided(stack: &Stack, number: &str, line: i64) -> Result<CallRow> {
    let id = stack.sandbox.play(&call(number).on(line).lasting(90).at_once()).await?;
    let row = stack.ledger().await?.call_that(id, SOON, |row| row.resolved || row.unmatched).await;
    row.with_context(|| format!("{number} on {line} is decided"))
}

#[tokio::test]
async fn what_people_type_finds_the_record_and_no_stranger() -> Result<()> {
    let mut stack = Stack::new("typed").await?;
    let mut ids = Vec::new();
    for (typed, _) in TYPED.iter().copied().chain(UNREAD.iter().map(|(typed, _)| (*typed, &[][..]))) {
        ids.push(stack.sandbox.add(&individual("Tilleul").client().mobile(typed)).await?);
    }
    let workers = stack.start_all().await?;
    stack.directory_loaded(SOON).await?;
    for ((typed, numbers), id) in TYPED.iter().zip(&ids) {
        for number in *numbers {
            let record = decided(&stack, number, PARIS).await?.record();
            assert_eq!(record, Some(format!("individual {id}")), "{typed}: {number}");
        }
    }
    for (typed, stranger) in UNREAD {
        assert_eq!(decided(&stack, stranger, PARIS).await?.record(), None, "{typed}: {stranger}");
    }

    let (unread, good) = stack.callbridge(&["directory", "unread"]).await?;
    assert!(good && unread.contains("rounded by a spreadsheet") && unread.contains("a letter in place"), "{unread}");
    assert!(!unread.contains("06 39") && unread.contains("** ** ** ** ** 33"), "{unread}");
    let (status, _) = stack.callbridge(&["directory", "status"]).await?;
    assert!(status.contains("3 fields have digits and no number"), "{status}");

    // Once somebody has corrected the field, it is listed no more.
    let wrong = ids[TYPED.len()];
    let corrected = json!({ "mobile_number": "06 39 98 61 20" });
    stack.sandbox.change(&format!("individuals/{wrong}"), &corrected).await?;
    let (said, good) = stack.callbridge(&["directory", "sync"]).await?;
    assert!(good && said.contains("2 fields have digits and no number"), "{said}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn without_a_directory_sellsy_is_asked_for_the_old_number_as_well() -> Result<()> {
    let mut stack = Stack::new("former").await?;
    let pages =
        ["individuals", "companies", "contacts"].map(|kind| sellsy(&format!("POST /{kind}/search")).answers(400));
    stack.sandbox.set_faults(pages).await?;
    let id = stack.sandbox.add(&individual("Tilleul").client().mobile("+229 97 12 62 01")).await?;
    let workers = [stack.start("ingest").await?, stack.start("resolver").await?, stack.start("logger").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    stack.sandbox.deliver_to(&workers[0].url).await?;
    let record = decided(&stack, "+2290197126201", PARIS).await?.record();
    assert_eq!(record, Some(format!("individual {id}")));
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_number_typed_at_another_site_counts_for_the_calls_of_its_lines() -> Result<()> {
    let mut stack = Stack::new("sites").await?;
    stack.environment.insert("DEFAULT_REGION".into(), "FR,GB".into());
    let id = stack.sandbox.add(&individual("Tilleul").client().mobile("07700 900 163")).await?;
    let workers = stack.start_all().await?;
    stack.directory_loaded(SOON).await?;
    for (number, line, found) in [
        ("+447700900163", LONDON, true),
        // As the line's carrier may send it.
        ("07700 900163", LONDON, true),
        ("+447700900163", PARIS, false),
    ] {
        let record = decided(&stack, number, line).await?.record();
        assert_eq!(record.is_some(), found, "{number} on {line}");
        assert_eq!(record, Some(format!("individual {id}")).filter(|_| found));
    }
    let (explained, good) = stack.callbridge(&["explain", "+447700900163"]).await?;
    assert!(good && explained.contains(&format!("individual {id}")), "{explained}");
    drop(workers);
    stack.down().await
}
