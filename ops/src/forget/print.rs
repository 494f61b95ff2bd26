//! What was found and what is left to do, for people or programs.

use comfy_table::{Table, presets};
use ledger::erase::Concerned;
use serde_json::json;

use super::{Arguments, Found};

fn counts(found: &Found) -> Vec<(&'static str, i64)> {
    let sum = |of: fn(&Concerned) -> i64| found.calls.iter().map(of).sum();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    vec![
        ("calls", count(found.calls.len())),
        ("AI insights of calls", sum(|call| call.insights)),
        ("lines of timelines", sum(|call| call.lines)),
        ("calls waiting for a record", sum(|call| i64::from(call.unmatched))),
        ("records of the phone directory", count(found.records.len())),
        ("remembered misses", found.misses),
        ("messages in the inbox", count(found.inbox.len())),
        ("parked messages", count(found.letters.len())),
    ]
}

/// The logs in Sellsy, which stay: call, form, id.
fn logs(found: &Found) -> impl Iterator<Item = (i64, &str, i64)> {
    found
        .calls
        .iter()
        .filter_map(|call| Some((call.call_id, call.log_form.as_deref().unwrap_or("phone_call"), call.sellsy_id?)))
}

pub(super) fn found(found: &Found, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.json {
        // One document in the end, unless this is the end.
        if arguments.dry_run || found.is_nothing() {
            json(found, false, false)?;
        }
        return Ok(());
    }
    if found.is_nothing() {
        println!("Nothing is known of this number.");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["found", "how many"]);
    for (what, n) in counts(found) {
        table.add_row([what.to_owned(), n.to_string()]);
    }
    println!("{table}");
    if arguments.dry_run {
        notes(found);
    }
    Ok(())
}

/// After the erasure; `left`: events came in meanwhile.
pub(super) fn done(found: &Found, left: bool, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.json {
        return json(found, true, left);
    }
    println!("Erased. Of each call stays a row with its id, so that a late event does not log it again.");
    notes(found);
    if left {
        println!("Meanwhile something new came in: run it again.");
    }
    Ok(())
}

fn notes(found: &Found) {
    let logs: Vec<String> =
        logs(found).map(|(call, form, id)| format!("  {form} {id} (Aircall call {call})")).collect();
    if !logs.is_empty() {
        println!("The logs in Sellsy are not deleted. To be done there by hand:\n{}", logs.join("\n"));
    }
    if !found.records.is_empty() {
        let records: Vec<String> = found.records.iter().map(|(kind, id)| format!("{kind} {id}")).collect();
        println!("Unless it is erased in Sellsy as well, the next synchronisation brings back: {}", records.join(", "));
    }
    if !found.other_numbers.is_empty() {
        println!("The same records have other numbers. Forget them too: {}", found.other_numbers.join(", "));
    }
}

fn json(found: &Found, erased: bool, left: bool) -> anyhow::Result<()> {
    let counts: serde_json::Map<_, _> =
        counts(found).into_iter().map(|(what, n)| (what.replace(' ', "_").to_lowercase(), n.into())).collect();
    let logs: Vec<_> = logs(found).map(|(call, form, id)| json!({ "call_id": call, "form": form, "id": id })).collect();
    let records: Vec<_> = found.records.iter().map(|(kind, id)| json!({ "kind": kind, "id": id })).collect();
    let all = json!({
        "found": counts, "erased": erased, "something_new": left, "logs_in_sellsy": logs,
        "records_in_sellsy": records, "other_numbers": found.other_numbers,
    });
    println!("{}", serde_json::to_string_pretty(&all)?);
    Ok(())
}
