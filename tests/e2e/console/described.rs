//! The description of the JSON (OpenAPI) is true of real answers.

use anyhow::{Context, Result, ensure};
use harness::{Stack, build::call};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value;

use super::{acts::json_of, operator};
use crate::{CLIENT, SOON};

/// What the description of the JSON says of each answer is true of real ones, and it leaves no field out.
#[tokio::test]
async fn answers_have_the_shapes_that_are_described() -> Result<()> {
    let (stack, workers) = Stack::running("acts_shapes").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    let unknown = stack.sandbox.play(&call("+33 6 39 98 99 01").lasting(90).at_once()).await?;
    stack.ledger().await?.call_that(unknown, SOON, |row| row.unmatched).await?;
    operator.post("/pins", &[("number", CLIENT), ("to", "individual:2002")]).await?;
    operator.post("/check", &[]).await?;
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let document = json_of(&operator, "/api/openapi.json").await?;
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().context("paths")? {
        let schema = &operations["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if schema["$ref"].is_null() {
            continue;
        }
        let query = if path.ends_with("/preview") { format!("?since={today}") } else { String::new() };
        let answer = json_of(&operator, &format!("{}{query}", path.replace("{call}", &id.to_string()))).await?;
        fits_whole(&document, schema, &answer, path)?;
        seen += 1;
    }
    ensure!(seen >= 16, "{seen} answers have a shape");
    let ignores = format!("[calls]\nignore = [\"{CLIENT}\"]\n");
    for (path, form) in [
        ("/api/check", &[][..]),
        ("/api/webhook/install", &[("url", "http://127.0.0.1:1/webhooks/aircall")]),
        ("/api/rules/try", &[("rules", "[calls]\nnonsense = 1\n")]),
        ("/api/rules/try", &[("rules", &ignores), ("days", "7")]),
        ("/api/pins", &[("number", CLIENT), ("to", "individual:2001")]),
        ("/api/pins/remove", &[("number", CLIENT)]),
        ("/api/calls/{call}/write-again", &[]),
        ("/api/calls/{call}/look-up", &[]),
        ("/api/forget/preview", &[("number", CLIENT)]),
        ("/api/forget", &[("number", CLIENT)]),
    ] {
        let answer = operator.post(&path.replace("{call}", &id.to_string()), form).await?;
        ensure!(answer.status == StatusCode::OK, "{path}: {} {}", answer.status, answer.text);
        let answer: Value = serde_json::from_str(&answer.text)?;
        let schema = &document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"];
        fits_whole(&document, schema, &answer, path)?;
    }
    drop((workers, console));
    stack.down().await
}

fn fits_whole(document: &Value, schema: &Value, answer: &Value, path: &str) -> Result<()> {
    let mut faults = Vec::new();
    fits(document, schema, answer, path, &mut faults);
    ensure!(faults.is_empty(), "{}\n{answer:#}", faults.join("\n"));
    Ok(())
}

/// The small part of JSON Schema that the description uses; and each field has to be described.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/")) {
        return fits(document, &document["components"]["schemas"][name], value, at, faults);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        if value.is_null() && any.iter().any(|one| one["type"] == "null") {
            return;
        }
        return fits(document, &any[0], value, at, faults);
    }
    let is = match schema["type"].as_str() {
        Some("string") if schema["format"] == "date-time" => {
            value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok())
        }
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        other => {
            faults.push(format!("{at}: no type: {other:?}"));
            return;
        }
    };
    if !is {
        faults.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    for one in value.as_array().into_iter().flatten().filter(|_| !schema["items"].is_null()) {
        fits(document, &schema["items"], one, &format!("{at}[]"), faults);
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        faults.extend(
            fields
                .keys()
                .filter(|name| !properties.contains_key(*name))
                .map(|name| format!("{at}.{name} is not described")),
        );
        for (name, property) in properties {
            match fields.get(name) {
                Some(field) => fits(document, property, field, &format!("{at}.{name}"), faults),
                None => faults.push(format!("{at}.{name} is missing")),
            }
        }
    }
}
