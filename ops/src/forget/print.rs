//! Prints what was found and what has to be done by hand, as a table for people or as JSON for programs.

use base::say;
use comfy_table::{Table, presets};
use ledger::erase::Concerned;
use serde_json::{Value, json};

use super::{Arguments, Erased, Found};

/// What was found: the JSON key, the text for people, and the number.
pub(crate) fn counts(found: &Found) -> [(&'static str, &'static str, i64); 11] {
    let sum = |per_call: fn(&Concerned) -> i64| found.calls.iter().map(per_call).sum();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    [
        ("calls", "calls", count(found.calls.len())),
        ("ai_insights_of_calls", "AI insights of calls", sum(|call| call.insights)),
        ("lines_of_timelines", "lines of timelines", sum(|call| call.lines)),
        ("calls_waiting_for_a_record", "calls waiting for a record", sum(|call| i64::from(call.unmatched))),
        ("text_messages", "text messages", found.conversations.iter().map(|talked| talked.messages).sum()),
        ("records_of_the_phone_directory", "records of the phone directory", count(found.records.len())),
        ("remembered_misses", "remembered misses", found.misses),
        ("pins", "pins", found.pins),
        ("saved_filters", "filters saved at the console", found.filters),
        ("messages_in_the_inbox", "messages in the inbox", count(found.inbox.len())),
        ("parked_messages", "dead letters", count(found.letters.len())),
    ]
}

/// The logs, tasks and comments in Sellsy, which are not deleted: call, form, id.
pub(crate) fn logs(found: &Found) -> impl Iterator<Item = (Option<i64>, &str, i64)> {
    let comments = found.conversations.iter().filter_map(|talked| Some((None, "comment", talked.comment?)));
    let of_calls = found.calls.iter().flat_map(|call| {
        let log = call.sellsy_id.map(|id| (call.log_form.as_deref().unwrap_or("phone_call"), id));
        let tasks = call.tasks.iter().map(|id| ("task", *id));
        log.into_iter().chain(tasks).map(|(form, id)| (Some(call.call_id), form, id))
    });
    of_calls.chain(comments)
}

pub(super) fn found(found: &Found, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.json {
        // Only one JSON document is printed: here if nothing will be erased, otherwise after the erasure.
        if arguments.dry_run || found.is_nothing() {
            json(found, None)?;
        }
        return Ok(());
    }
    if found.is_nothing() {
        say!("Nothing is stored about this number.");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["found", "how many"]);
    for (_, what, n) in counts(found) {
        table.add_row([what.to_owned(), n.to_string()]);
    }
    say!("{table}");
    if arguments.dry_run {
        notes(found);
    }
    Ok(())
}

/// After the erasure.
pub(super) fn erased(erased: &Erased, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.json {
        return json(&erased.found, Some(erased));
    }
    say!("Erased. A row with only its id remains of each call, so that a late event does not log it again.");
    notes(&erased.found);
    if erased.remains {
        say!("Something new came in meanwhile: run it again.");
    }
    Ok(())
}

fn notes(found: &Found) {
    let logs: Vec<String> = logs(found)
        .map(|(call, form, id)| match call {
            Some(call) => format!("  {form} {id} (Aircall call {call})"),
            None => format!("  {form} {id} (text messages)"),
        })
        .collect();
    if !logs.is_empty() {
        say!(
            "The logs, tasks and comments in Sellsy are not deleted. To be done there by readers:\n{}",
            logs.join("\n")
        );
    }
    if !found.records.is_empty() {
        let records: Vec<String> = found.records.iter().map(|(kind, id)| format!("{kind} {id}")).collect();
        say!("Unless they are erased in Sellsy too, the next synchronisation brings back: {}", records.join(", "));
    }
    if !found.other_numbers.is_empty() {
        say!("The same records have other numbers. Forget them too: {}", found.other_numbers.join(", "));
    }
}

fn json(found: &Found, erased: Option<&Erased>) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(&report(found, erased))?);
    Ok(())
}

/// For programs.
pub(crate) fn report(found: &Found, erased: Option<&Erased>) -> Value {
    let counts: serde_json::Map<_, _> =
        counts(found).into_iter().map(|(key, _, n)| (key.to_owned(), n.into())).collect();
    let logs: Vec<_> = logs(found).map(|(call, form, id)| json!({ "call_id": call, "form": form, "id": id })).collect();
    let records: Vec<_> = found.records.iter().map(|(kind, id)| json!({ "kind": kind, "id": id })).collect();
    json!({
        "found": counts, "erased": erased.is_some(), "something_new": erased.is_some_and(|erased| erased.remains), "logs_in_sellsy": logs,
        "records_in_sellsy": records, "other_numbers": found.other_numbers,
    })
}
