//! OpenAPI of what the workers answer: the two webhooks of ingest, and the health of each.

use serde_json::{Value, json};

/// Why a webhook is refused: status, code, and what to do.
const REFUSALS: &[(&str, &[&str], &str)] = &[
    ("400", &["MALFORMED", "NOT_AN_EVENT"], "It is no event: sending it again does not help"),
    ("401", &["WRONG_TOKEN", "WRONG_SIGNATURE"], "The token, or the signature, is not ours"),
    ("404", &["NOT_FOUND"], "There is nothing at this address, or the secret in it does not count"),
    ("405", &["METHOD_NOT_ALLOWED"], "Another method is needed"),
    ("408", &["SLOW_BODY"], "The body has not come in time"),
    ("413", &["TOO_LARGE"], "The body is larger than 1 MB"),
    ("415", &["NOT_JSON", "NOT_A_NOTICE"], "The body has another form"),
    ("500", &["INTERNAL"], "A defect of ours"),
    (
        "503",
        &["BUSY", "UNAVAILABLE"],
        "It cannot be kept now: send it again, after the seconds of Retry-After if they are given",
    ),
];

pub(super) fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Callbridge's workers",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What ingest takes, and how healthy each worker is. For programs that look at calls, see console.openapi.json.",
        },
        "paths": {
            "/webhooks/aircall": { "post": {
                "summary": "An event of Aircall",
                "description": "Answered with 200 once it is kept: by the broker, or by the database while the broker is not there. The webhook's token is in the body, as Aircall sends it.",
                "tags": ["ingest"],
                "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/AircallEvent" } } } },
                "responses": answers(&["400", "401", "405", "408", "413", "415", "500", "503"]),
            } },
            "/webhooks/sellsy/{secret}": {
                "parameters": [{ "name": "secret", "in": "path", "required": true, "schema": { "type": "string" }, "description": "SELLSY_WEBHOOK_SECRET, or one that `callbridge webhook install` has made" }],
                "get": {
                    "summary": "Whether the address is right",
                    "tags": ["ingest"],
                    "responses": answers(&["404", "503"]),
                },
                "post": {
                    "summary": "A notice of Sellsy that a record or an opportunity has changed",
                    "description": "Only which one is read; what changed is read in Sellsy. If X-Webhook-Signature is there, it must be right.",
                    "tags": ["ingest"],
                    "parameters": [{ "name": "X-Webhook-Signature", "in": "header", "required": false, "schema": { "type": "string" } }],
                    "requestBody": { "required": true, "content": {
                        "application/json": { "schema": { "$ref": "#/components/schemas/SellsyNotice" } },
                        "application/x-www-form-urlencoded": { "schema": { "type": "object", "properties": { "notif": { "type": "string", "description": "The same as JSON" } }, "required": ["notif"] } },
                    } },
                    "responses": answers(&["400", "401", "404", "405", "408", "413", "415", "500", "503"]),
                },
            },
            "/healthz": { "get": {
                "summary": "Whether the process lives",
                "tags": ["health"],
                "responses": { "200": answer("It lives", "Alive") },
            } },
            "/readyz": { "get": {
                "summary": "Whether it can do its work, and if not, what is missing",
                "tags": ["health"],
                "responses": { "200": answer("It can", "Ready"), "503": answer("It cannot", "Ready") },
            } },
            "/metrics": { "get": {
                "summary": "Metrics for Prometheus (docs/metrics.md)",
                "tags": ["health"],
                "responses": { "200": { "description": "In Prometheus' text format", "content": { "text/plain": { "schema": { "type": "string" } } } } },
            } },
        },
        "components": { "schemas": {
            "AircallEvent": {
                "type": "object",
                "description": "What Aircall documents of its webhooks. Of more events than Callbridge needs, the others are answered with 200 and ignored.",
                "properties": {
                    "resource": { "type": "string" },
                    "event": { "type": "string", "description": "call.ended" },
                    "timestamp": { "type": "integer", "description": "Seconds since 1970" },
                    "token": { "type": "string" },
                    "data": { "type": "object" },
                },
                "required": ["event", "token", "data"],
            },
            "SellsyNotice": {
                "type": "object",
                "description": "What Sellsy documents of its webhooks.",
                "properties": {
                    "eventType": { "type": "string", "description": "client, people, opportunity …" },
                    "event": { "type": "string", "description": "created, updated, deleted …" },
                    "timestamp": { "type": ["string", "integer"] },
                    "relatedtype": { "type": "string", "description": "third, people, opportunity …" },
                    "relatedid": { "type": ["string", "integer"] },
                },
            },
            "Accepted": {
                "type": "object",
                "properties": {
                    "accepted": { "const": true },
                    "ignored": { "type": "string", "description": "Why nothing follows from it" },
                    "inbox": { "const": true, "description": "The broker is not there; the database keeps it until then" },
                },
                "required": ["accepted"],
            },
            "Refused": {
                "type": "object",
                "properties": { "error": {
                    "type": "object",
                    "properties": { "code": { "type": "string" }, "message": { "type": "string" } },
                    "required": ["code", "message"],
                } },
                "required": ["error"],
            },
            "Alive": { "type": "object", "properties": { "alive": { "const": true } }, "required": ["alive"] },
            "Ready": {
                "type": "object",
                "properties": {
                    "ready": { "type": "boolean" },
                    "missing": { "type": "object", "additionalProperties": { "type": "string" }, "description": "What it waits for, and why" },
                    "impaired": { "type": "object", "additionalProperties": { "type": "string" }, "description": "What it can do without for now" },
                },
                "required": ["ready", "missing", "impaired"],
            },
        } },
    })
}

fn answer(says: &str, schema: &str) -> Value {
    json!({ "description": says, "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } } })
}

/// Of a webhook: 200, and why it may be refused.
fn answers(refusals: &[&str]) -> Value {
    let mut all = serde_json::Map::new();
    all.insert("200".into(), answer("It is kept, or nothing follows from it", "Accepted"));
    for (status, codes, says) in REFUSALS.iter().filter(|(status, ..)| refusals.contains(status)) {
        let mut refused = answer(&format!("{says}: {}", codes.join(", ")), "Refused");
        if *status == "503" {
            refused["headers"] = json!({ "Retry-After": { "schema": { "type": "integer" } } });
        }
        all.insert((*status).into(), refused);
    }
    all.into()
}
