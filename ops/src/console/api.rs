//! The same as the pages, for programs: JSON under `/api`, with a token. What changes something is done by the pages' own functions.
//!
//! [`openapi`] describes every address; a test compares it with the routes.

use axum::{
    Extension, Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use base::ids::CallId;
use jiff::SignedDuration;
use ledger::{audit, calls, messages, timeline};
use resolver::directory::{contents, store};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Page, Shared,
    auth::Needed,
    calls::{place, search_of},
    layout::{self, Visitor},
    shapes,
    wanted::Filters,
};
use crate::{
    missed, needs,
    search::{self, Order},
};

const DAYS: i64 = 7;
const MOST_DAYS: i64 = 180;
const MOST_ACTS: i64 = 1000;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Days {
    days: String,
}

impl Days {
    fn number(&self) -> i64 {
        self.days.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days)).unwrap_or(DAYS)
    }
}

fn answer(value: Value) -> Page {
    Ok(Json(value).into_response())
}

pub(super) async fn list(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let client = console.database.client().await?;
    let search = search_of(&client, &console, &visitor, &filters).await?;
    if search.order == Order::Longest && search::count_up_to(&client, &search, search::SORTED).await?.is_none() {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.too_many_to_sort));
    }
    let (found, more) = search::calls(&client, &search).await?;
    let after = found.last().filter(|_| more).map(|last| place(last, search.order));
    answer(json!({ "calls": crate::calls::rows_of(&console.settings, &found), "after": after }))
}

pub(super) async fn call(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(call): Path<i64>,
) -> Page {
    let (client, id) = (console.database.client().await?, CallId(call));
    let lines = timeline::of(&client, id).await?;
    let Some(found) = search::call(&client, id).await? else {
        return Ok(layout::refused(&visitor, StatusCode::NOT_FOUND, |texts| texts.no_such_call));
    };
    let row = calls::look(&client, id).await?;
    let log = row.as_ref().map(|row| console.logs.text(row));
    let (text, none) = match log {
        Some(Ok(text)) => (Some(text), None),
        Some(Err(why)) => (None, Some(why.to_string())),
        None => (None, None),
    };
    answer(json!({
        "call": crate::calls::rows_of(&console.settings, std::slice::from_ref(&found)).pop(),
        "decision": found.resolution,
        "log": { "sellsy_id": found.sellsy_id, "text": text, "none_because": none },
        "dead_letters": found.parked,
        "timeline": lines,
    }))
}

pub(super) async fn missed_calls(State(console): State<Shared>, Query(days): Query<Days>) -> Page {
    let client = console.database.client().await?;
    let since = client.now().await? - SignedDuration::from_hours(24 * days.number());
    answer(json!({ "since": since, "missed": missed::read(&client, &console.settings, since).await? }))
}

pub(super) async fn conversations(State(console): State<Shared>, Query(days): Query<Days>) -> Page {
    let client = console.database.client().await?;
    let since = client.now().await? - SignedDuration::from_hours(24 * days.number());
    answer(json!({ "since": since, "conversations": messages::conversations(&client, since, None).await? }))
}

/// The dead letters of calls, as the ledger knows them: reading the queues would keep others from doing so.
pub(super) async fn dead(State(console): State<Shared>) -> Page {
    answer(json!({ "groups": needs::groups(&console.database.client().await?).await? }))
}

pub(super) async fn directory(State(console): State<Shared>) -> Page {
    let client = console.database.client().await?;
    answer(json!({ "kinds": store::progress(&client).await?, "sizes": contents::sizes(&client).await? }))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Acts {
    who: String,
    act: String,
    before: String,
}

pub(super) async fn acts(State(console): State<Shared>, Query(acts): Query<Acts>) -> Page {
    let chosen = |text: String| Some(text).filter(|text| !text.is_empty());
    let wanted = audit::Wanted {
        before: acts.before.parse().ok(),
        who: chosen(acts.who),
        act: chosen(acts.act),
        most: MOST_ACTS,
    };
    answer(json!({ "acts": audit::read(&console.database.client().await?, &wanted).await? }))
}

/// What is told of an address: what it does, the fields of its query, and those of its body.
type Told = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Of one address.
fn told(method: &str, path: &str) -> Option<Told> {
    const CALLS: &[&str] = &["q", "agent", "state", "from", "until", "sort", "after"];
    let told: Told = match (method, path) {
        ("GET", "/api/openapi.json") => ("This description", &[], &[]),
        ("GET", "/api/overview") => {
            ("What needs somebody, what became of the calls, queues, quotas and processes", &["days"], &[])
        }
        ("GET", "/api/calls") => ("Calls, fifty at a time; the next ones with the last answer's `after`", CALLS, &[]),
        ("GET", "/api/calls/{call}") => ("One call: its decision, its log and its story", &[], &[]),
        ("GET", "/api/missed") => ("Missed calls and what became of them", &["days"], &[]),
        ("GET", "/api/messages") => ("Conversations of text messages", &["days"], &[]),
        ("GET", "/api/dead") => ("The dead letters of calls, by stage and code", &[], &[]),
        ("GET", "/api/directory") => ("How complete and fresh the phone directory is", &[], &[]),
        ("GET", "/api/check") => ("The last result of the checks, and how many requests the next one sends", &[], &[]),
        ("POST", "/api/check") => ("Checks the installation: settings, broker, database, both APIs", &[], &[]),
        ("GET", "/api/webhook") => ("Aircall's webhooks, without tokens; one request to Aircall", &[], &[]),
        ("POST", "/api/webhook/install") => (
            "Creates the webhook of the address `url`, enables it again, or adds the events that it lacks",
            &[],
            &["url"],
        ),
        ("GET", "/api/backfill") => ("The last backfill, its progress, and whether it goes on", &[], &[]),
        ("GET", "/api/backfill/preview") => (
            "How many calls Aircall lists in a period, and how many requests reading them costs; one request to Aircall",
            &["since", "until"],
            &[],
        ),
        ("POST", "/api/backfill/count") => ("Counts what is missing in a period", &[], &["since", "until"]),
        ("POST", "/api/backfill/start") => ("Brings in what is missing in a period", &[], &["since", "until"]),
        ("POST", "/api/backfill/stop") => {
            ("Stops it after the page that it is at; begun again, it goes on there", &[], &[])
        }
        ("POST", "/api/forget/preview") => ("What is kept about the number, or about that of a call", &[], &["number"]),
        ("POST", "/api/forget") => {
            ("Erases it; logs, tasks and comments in Sellsy stay, and are listed", &[], &["number"])
        }
        ("GET", "/api/pins") => ("The numbers that mean a record, whatever the match rules say", &[], &[]),
        ("POST", "/api/pins") => ("Pins a number: `to` is individual:2005", &[], &["number", "to"]),
        ("POST", "/api/pins/remove") => ("Lets the match rules find the number's record again", &[], &["number"]),
        ("GET", "/api/followups") => (
            "Tasks, prospects and comments that follow from calls; `state` is open or over",
            &["days", "kind", "state"],
            &[],
        ),
        ("POST", "/api/followups/retry") => ("Has one looked at now, by its `key`", &[], &["key"]),
        ("GET", "/api/reports") => (
            "Figures of calls: `of` days, hours, lines, teams, agents, companies, opportunities or topics; of the last `days` (1, 7, 30, 90, 365) or a `month` (2026-11)",
            &["of", "days", "month"],
            &[],
        ),
        ("GET", "/api/audit") => ("What was done by hand, newest first", &["who", "act", "before"], &[]),
        ("POST", "/api/calls/{call}/relink") => (
            "Moves the call to another record: `to` is individual:2005, `opportunity` no for none",
            &[],
            &["to", "opportunity"],
        ),
        ("POST", "/api/calls/{call}/pin") => {
            ("Pins the call's number to a record; an empty `to` unpins it", &[], &["to"])
        }
        ("POST", "/api/calls/{call}/look-up") => (
            "Looks the caller up now; a call that waits for a record is decided by it (`decides`), of another one it is only told",
            &[],
            &[],
        ),
        ("POST", "/api/calls/{call}/write-again") => {
            ("Has the log read in Sellsy and brought up to date, whatever it is believed to say", &[], &[])
        }
        ("POST", "/api/calls/{call}/undo-prospect") => ("Deletes the prospect that was created for the call", &[], &[]),
        ("POST", "/api/dead/replay") => (
            "Replays dead letters: one by `id`, those of a `call`, of a `stage` and `code`, or `all`: yes",
            &[],
            &["id", "call", "stage", "code", "all"],
        ),
        ("POST", "/api/dead/drop") => {
            ("Drops dead letters, chosen in the same ways", &[], &["id", "call", "stage", "code", "all"])
        }
        ("POST", "/api/directory/sync") => (
            "Has the changes in Sellsy read now; with `everything` yes all records (fewer: also if Sellsy lists far fewer), of one `kind` or of all",
            &[],
            &["everything", "kind"],
        ),
        ("GET", "/api/rules") => ("The file of rules in force, and the sections that it turns on", &[], &[]),
        ("POST", "/api/rules/try") => (
            "What would have been different with other rules on the calls of the last `days`; stores nothing",
            &[],
            &["rules", "days"],
        ),
        _ => return None,
    };
    Some(told)
}

/// OpenAPI 3.1, of these routes: method, path, and what each asks for.
pub(super) fn openapi(routes: &[(&str, &str, Needed)]) -> Value {
    let text = json!({ "type": "string" });
    let error = json!({ "description": "Why not", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } });
    let mut paths = Map::new();
    for (method, path, needed) in routes.iter().filter(|(_, path, _)| path.starts_with("/api/")) {
        let Some((summary, query, body)) = told(method, path) else { continue };
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text }));
        let in_query = query.iter().map(|name| json!({ "name": name, "in": "query", "schema": text }));
        let role = needed.role().map_or("none", crate::access::Role::as_str);
        let answer = shapes::of(method, path).map_or_else(
            || json!({ "type": "object" }),
            |shape| json!({ "$ref": format!("#/components/schemas/{shape}") }),
        );
        let mut operation = json!({
            "summary": summary,
            "description": format!("For the role {role} and higher."),
            "x-role": role,
            "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
            "responses": {
                "200": { "description": "As asked for", "content": { "application/json": { "schema": answer } } },
                "4XX": error, "503": error,
            },
        });
        if let Needed::Acts(_, act) = needed {
            operation["x-act"] = (*act).into();
            operation["responses"]["202"] = json!({
                "description": "It goes on; the audit says how it ends",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Done" } } },
            });
        }
        if !body.is_empty() {
            let fields: Map<String, Value> = body.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
            operation["requestBody"] =
                json!({ "content": { "application/json": { "schema": { "type": "object", "properties": fields } } } });
        }
        let of_path = paths.entry(*path).or_insert_with(|| json!({}));
        of_path[method.to_lowercase()] = operation;
    }
    let mut schemas = shapes::all();
    schemas.insert("Error".into(), json!({ "type": "object", "properties": { "error": text }, "required": ["error"] }));
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Callbridge", "version": env!("CARGO_PKG_VERSION"), "description": "The console for programs." },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "callbridge tokens add NAME --role viewer" } },
            "schemas": schemas,
        },
    })
}
