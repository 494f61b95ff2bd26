//! The shapes of the JSON answers, for their description in OpenAPI. A test compares real answers with them.

use serde_json::{Map, Value, json};

/// Fields: name, type, what it is. `?`: it may be null. `[…]`: a list. A type with a capital letter is another shape.
type Fields = &'static [(&'static str, &'static str, &'static str)];

const SHAPES: &[(&str, Fields)] = &[
    (
        "Calls",
        &[
            ("calls", "[Call]", "Fifty at most, in the order that was asked for"),
            ("after", "string?", "For the next ones; null: there are none"),
        ],
    ),
    (
        "Call",
        &[
            ("id", "integer", "Aircall's id"),
            ("started_at", "time", "When the phone rang"),
            ("erased_at", "time?", "When its data were erased"),
            ("direction", "string?", "inbound or outbound"),
            ("number", "string?", "The other party's, as +33639984107, or as Aircall has it if that is no number"),
            ("decided", "boolean", "Whether it is decided on which record it is logged; without a record, on none"),
            ("record", "string?", "Kind and id in Sellsy: individual 2001"),
            ("record_name", "string?", "Its name"),
            ("agent", "string?", "Who answered or called"),
            ("duration_s", "integer?", "In seconds, once it has ended"),
            ("outcome", "string?", "answered, voicemail or missed, once it has ended"),
            ("state", "string", "ongoing, undecided, unlogged, logged, unmatched, parked, deleted or erased"),
            ("sellsy_id", "integer?", "The id of its log in Sellsy"),
        ],
    ),
    (
        "OneCall",
        &[
            ("call", "Call", "As in the list"),
            ("decision", "object?", "The record, the rule that chose it, the opportunity, and every candidate"),
            ("log", "Log", "The log in Sellsy, as it should read now"),
            ("dead_letters", "integer", "How many of its messages are dead letters"),
            ("timeline", "[object]", "Its story, line by line (docs/timeline.md)"),
        ],
    ),
    (
        "Log",
        &[
            ("sellsy_id", "integer?", "Its id, if it exists"),
            ("text", "string?", "What it should say"),
            ("none_because", "string?", "Why there is nothing to write"),
        ],
    ),
    (
        "Overview",
        &[
            ("needs", "[object]", "What needs somebody: `kind`, `since`, and what belongs to the kind"),
            ("calls", "CallsOfPeriod", "What became of the calls of the period"),
            ("call_to_log", "object?", "How long calls take to be logged, in seconds"),
            ("queues", "object?", "What each queue holds; null while the broker does not answer"),
            ("budgets", "[object]", "The requests of each API and window"),
            ("processes", "[Process]", "Every process that was seen lately"),
        ],
    ),
    (
        "CallsOfPeriod",
        &[
            ("since", "time", "Its beginning"),
            ("until", "time", "Its end"),
            ("all", "integer", "Calls that began in it: the sum of the next four"),
            ("logged", "integer", "In Sellsy"),
            ("unmatched", "integer", "Without a record, or left out by the rules"),
            ("waiting", "integer", "Not settled yet"),
            ("parked", "integer", "With a dead letter"),
            ("week_before", "integer", "All calls of the same period a week before"),
        ],
    ),
    (
        "Process",
        &[
            ("worker", "string", "Which one"),
            ("host", "string", "On which machine"),
            ("pid", "integer", "Its process id"),
            ("version", "string", "Its version"),
            ("started_at", "time", "Since when it runs"),
            ("seen_at", "time", "When it was heard of last"),
            ("silent", "boolean", "It has not been heard of for half a minute"),
            ("missing", "object", "What it waits for, and why"),
        ],
    ),
    ("Dead", &[("groups", "[Group]", "By stage and code")]),
    (
        "Group",
        &[
            ("stage", "string", "Whose messages they are"),
            ("code", "string", "Why (docs/errors.md)"),
            ("messages", "integer", "How many"),
            ("calls", "integer", "Of how many calls"),
            ("since", "time", "Since when"),
            ("error", "string", "What was said of the last one"),
            ("first_calls", "[integer]", "Some of the calls"),
        ],
    ),
    ("MissedCalls", &[("since", "time", "From then on"), ("missed", "[Missed]", "By caller")]),
    (
        "Missed",
        &[
            ("number", "string", "The caller's"),
            ("caller", "string?", "Their name, if Sellsy has one"),
            ("lines", "[string]", "On which they rang"),
            ("calls", "[integer]", "The calls, oldest first"),
            ("first_at", "time", "The first of them"),
            ("last_at", "time", "The last of them"),
            ("voicemail", "boolean", "Whether they left one"),
            ("tried_by", "[string]", "Who called back and reached nobody"),
            (
                "became",
                "object",
                "`became`: open, called_back or rang_again; by whom, in which call, after how many seconds",
            ),
        ],
    ),
    ("Audit", &[("acts", "[Act]", "Newest first")]),
    (
        "Act",
        &[
            ("id", "integer", "Of the act; `before` gives older ones"),
            ("at", "time", "When it began"),
            ("who", "string", "The person or the program"),
            ("role", "string", "In which role"),
            ("way", "string", "page, json or command"),
            ("act", "string", "What"),
            ("subject", "object?", "Of what: ids, codes, masked numbers"),
            ("result", "string?", "done, refused or failed; null: it goes on, or its process ended before it was over"),
            ("detail", "string?", "What came of it, or why not"),
            ("ended_at", "time?", "When it ended"),
        ],
    ),
    (
        "Directory",
        &[("kinds", "[KindOfRecord]", "How far the reading of each kind is"), ("sizes", "[Size]", "What is known")],
    ),
    (
        "KindOfRecord",
        &[
            ("kind", "string", "individual, company or contact"),
            ("loaded_at", "time?", "When all records were read the last time"),
            ("pass_started_at", "time?", "When the present or last reading of all began"),
            ("pass_ended_at", "time?", "When it ended"),
            ("pass_rows", "integer", "Records that it has read"),
            ("pass_unreadable", "integer", "Rows that could not be read"),
            ("pass_total", "integer?", "How many there are, as Sellsy says"),
            ("pass_unseen", "integer", "Known records that it has not seen"),
            ("changes_until", "time?", "Up to when changes were read"),
            ("problem", "string?", "Why the last turn failed"),
            ("requested_at", "time?", "When somebody asked for a turn"),
            ("pass_requested_at", "time?", "When somebody asked for everything"),
            ("turned_at", "time?", "When the last successful turn began"),
        ],
    ),
    (
        "Size",
        &[
            ("kind", "string", "individual, company or contact"),
            ("records", "integer", "How many are known"),
            ("usable", "integer", "Those that are not archived"),
            ("numbers", "integer", "Their phone numbers"),
            ("unread", "integer", "Fields with digits and no number"),
        ],
    ),
    (
        "Check",
        &[
            ("works", "boolean?", "Whether nothing has failed; null: never checked"),
            ("findings", "[Finding]", "The worst first"),
            ("checked_at", "time?", "When"),
            ("by", "string?", "Who asked for it"),
            ("goes_on", "boolean", "One goes on now"),
            ("requests", "object", "How many the next one sends at most, by API"),
        ],
    ),
    (
        "Finding",
        &[
            ("what", "string", "What was checked"),
            ("state", "string", "failed, not_checked, warning or ok"),
            ("says", "string", "What was found"),
            ("cure", "string?", "What to do"),
        ],
    ),
    (
        "Webhooks",
        &[
            ("delivers", "boolean", "One of ours is active and has all events that are needed"),
            ("webhooks", "[object]", "All of the account, without tokens"),
        ],
    ),
    (
        "Backfill",
        &[("last", "object?", "The last one: its period, how far it is, what it has found, whether it goes on")],
    ),
    ("Pins", &[("pins", "[Pin]", "By number")]),
    (
        "Pin",
        &[
            ("number", "string", "In E.164"),
            ("kind", "string", "individual, company or contact"),
            ("id", "integer", "Sellsy's"),
            ("by", "string", "Who said so"),
            ("at", "time", "When"),
            ("is_gone", "boolean", "The record is deleted or archived, so the match rules count"),
        ],
    ),
    ("Followups", &[("since", "time", "Noted from then on"), ("followups", "[Followup]", "Newest first")]),
    (
        "Followup",
        &[
            ("key", "string", "Which one, for trying it again"),
            ("kind", "string", "missed, action_item, tag, smart_tags, step, prospect or messages"),
            ("call", "integer", "In whose story it is told"),
            ("calls", "[integer]", "The calls that it follows from"),
            ("sellsy_id", "integer?", "The task, individual or comment in Sellsy"),
            ("over", "string?", "done, not_needed, left_alone or deleted; null: open"),
            ("created_at", "time", "When it was noted"),
            ("due_at", "time?", "When it is looked at next"),
            ("is_held", "boolean", "A process works on it"),
        ],
    ),
];

/// The shape of the answer of one address.
pub(super) fn of(path: &str) -> Option<&'static str> {
    Some(match path {
        "/api/overview" => "Overview",
        "/api/calls" => "Calls",
        "/api/calls/{call}" => "OneCall",
        "/api/missed" => "MissedCalls",
        "/api/dead" => "Dead",
        "/api/directory" => "Directory",
        "/api/audit" => "Audit",
        "/api/check" => "Check",
        "/api/webhook" => "Webhooks",
        "/api/backfill" => "Backfill",
        "/api/pins" => "Pins",
        "/api/followups" => "Followups",
        _ => return None,
    })
}

/// For `components/schemas`.
pub(super) fn all() -> Map<String, Value> {
    SHAPES.iter().map(|(name, fields)| ((*name).to_owned(), shape(fields))).collect()
}

fn shape(fields: Fields) -> Value {
    let field = |(name, kind, says): &(&str, &str, &str)| {
        let mut schema = schema(kind);
        schema["description"] = (*says).into();
        ((*name).to_owned(), schema)
    };
    let names: Vec<&str> = fields.iter().map(|(name, ..)| *name).collect();
    json!({ "type": "object", "properties": fields.iter().map(field).collect::<Map<_, _>>(), "required": names })
}

fn schema(kind: &str) -> Value {
    if let Some(kind) = kind.strip_suffix('?') {
        return json!({ "anyOf": [schema(kind), { "type": "null" }] });
    }
    if let Some(kind) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return json!({ "type": "array", "items": schema(kind) });
    }
    match kind {
        "time" => json!({ "type": "string", "format": "date-time" }),
        shape if shape.starts_with(char::is_uppercase) => json!({ "$ref": format!("#/components/schemas/{shape}") }),
        kind => json!({ "type": kind }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_that_is_named_is_there_and_every_other_type_is_one_of_json() {
        for (name, fields) in SHAPES {
            assert!(!fields.is_empty(), "{name}");
            for (field, kind, says) in *fields {
                let kind = kind.trim_matches(['[', ']', '?']);
                let is_shape = SHAPES.iter().any(|(name, _)| *name == kind);
                let is_type = ["string", "integer", "boolean", "object", "time"].contains(&kind);
                assert!(is_shape || is_type, "{name}.{field}: {kind}");
                assert!(!says.is_empty(), "{name}.{field}");
            }
        }
    }
}
