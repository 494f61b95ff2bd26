//! `callbridge missed`: what became of missed calls, told from the ledger.

use anyhow::{Context, Result};
use harness::{Stack, build::call};
use serde_json::Value;

use crate::{CLIENT, SOON, console::operator};

const STRANGER: &str = "+33 6 39 98 77 05";
const LATER: i64 = 600;

#[tokio::test]
async fn what_became_of_missed_calls_is_told() -> Result<()> {
    let (stack, workers) = Stack::running("missed").await?;
    let ledger = stack.ledger().await?;
    let began = jiff::Timestamp::now().as_second() - 3600;
    let mut calls = Vec::new();
    for call in [
        call(CLIENT).missed().started_at(began),
        call(CLIENT).voicemail().started_at(began + 60),
        call(STRANGER).missed().started_at(began + 120),
        call(CLIENT).outbound().ringing(10).started_at(began + LATER),
    ] {
        calls.push(stack.sandbox.play(&call.at_once()).await?);
    }
    stack.sandbox.delivered(SOON).await?;
    for id in &calls {
        ledger.call_that(*id, SOON, |row| row.resolved && !row.leased).await?;
    }
    let missed = async |arguments: &[&str]| -> Result<Vec<Value>> {
        let arguments = [&["missed", "--json"], arguments].concat();
        let (said, good) = stack.callbridge(&arguments).await?;
        anyhow::ensure!(good, "{said}");
        let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        Ok(report["missed"].as_array().cloned().unwrap_or_default())
    };
    let all = missed(&[]).await?;
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_eq!((&all[0]["calls"][0], &all[0]["calls"][1]), (&calls[0].into(), &calls[1].into()), "{all:#?}");
    assert_eq!(all[0]["became"]["became"], "called_back", "{all:#?}");
    assert_eq!(all[0]["became"]["call"], calls[3], "{all:#?}");
    assert_eq!(all[0]["became"]["after_s"], LATER + 10, "{all:#?}");
    assert_eq!(all[0]["voicemail"], true);
    let open = missed(&["--open"]).await?;
    assert_eq!((open.len(), open[0]["number"].as_str()), (1, Some("+33639987705")), "{open:#?}");
    let (said, _) = stack.callbridge(&["missed", "--since", "yesterday"]).await?;
    assert!(said.contains("it must be a date"), "{said}");
    let (said, _) = stack.callbridge(&["missed"]).await?;
    assert!(said.contains("nobody has spoken with 1 of them yet, 1 were called back"), "{said}");
    // What cannot be read of one call, perhaps because a newer version wrote it, costs that call only itself.
    let unreadable = "update calls set resolution = resolution - 'rule' where call_id = $1";
    assert_eq!(stack.connection().await?.execute(unreadable, &[&calls[2]]).await?, 1);
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let page = operator.get("/missed?lang=en").await?;
    for part in
        ["+33639987705", "Called back by", "2 calls, voicemail", "after 10 min", "Nobody has spoken with them yet (1)"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let of_a_day = operator.get("/missed?days=1&agent=Nobody+Else&lang=fr").await?;
    assert!(of_a_day.contains("Aucun appel ne correspond.") && !of_a_day.contains("rappelé."), "{of_a_day}");
    drop((workers, console));
    stack.down().await
}
