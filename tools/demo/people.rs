//! What people do during the morning: they write in a log, move a call to another record, and pin a number to one.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base::say;
use harness::{Stack, eventually};
use serde_json::{Value, json};

use crate::morning::{ByHand, Call};

const UNTIL_LOGGED: Duration = Duration::from_secs(60);
/// Who acts, for the story of the call.
const WHO: &str = "Inès Caron";

/// Before the call is played.
pub(crate) async fn before(stack: &Stack, call: &Call) -> Result<()> {
    if let Some(ByHand::Pin(to)) = &call.by_hand {
        let number = call.play["raw_digits"].as_str().context("the number of the call")?;
        say!("  … Inès pins {number} to {to} …");
        callbridge(stack, &["pin", number, to, "--by", WHO]).await?;
    }
    Ok(())
}

/// After all calls were played.
pub(crate) async fn afterwards(stack: &Stack, played: &[(&Call, i64)]) -> Result<()> {
    for (call, id) in played {
        match &call.by_hand {
            Some(ByHand::Edit { above, result, tag }) => edit(stack, *id, above, result, tag).await?,
            Some(ByHand::Relink(to)) => {
                say!("  … Inès moves call {id} to {to} …");
                callbridge(stack, &["relink", &id.to_string(), "--to", to, "--by", WHO]).await?;
            }
            Some(ByHand::Pin(_) | ByHand::Tag(_)) | None => {}
        }
    }
    Ok(())
}

async fn edit(stack: &Stack, id: i64, above: &str, result: &str, tag: &str) -> Result<()> {
    say!("  … a salesperson writes in the log of call {id}, then its agent adds a tag …");
    let log = stack.sandbox.logged(id, UNTIL_LOGGED).await?;
    let text = format!("{above}\n{}", log["description"].as_str().unwrap_or_default());
    stack
        .sandbox
        .change(&format!("phone-calls/{}", log["id"]), &json!({ "description": text, "result": result }))
        .await?;
    stack.sandbox.tag(id, &mut Value::Null, tag).await
}

/// The command, once the call has ended as far as the ledger knows.
async fn callbridge(stack: &Stack, arguments: &[&str]) -> Result<()> {
    let done = || async { stack.callbridge(arguments).await.ok().filter(|(_, fine)| *fine) };
    let done = eventually(UNTIL_LOGGED, done).await;
    ensure!(done.is_some(), "callbridge {}: {}", arguments.join(" "), stack.callbridge(arguments).await?.0);
    Ok(())
}
