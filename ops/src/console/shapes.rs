//! The shapes of the JSON answers, for their description in OpenAPI. A test compares real answers with them.

mod table;

use serde_json::{Map, Value, json};

use table::{Fields, SHAPES};

/// The shape of the answer of one address.
pub(super) fn of(method: &str, path: &str) -> Option<&'static str> {
    if method == "POST" {
        return Some(match path {
            "/api/check" => "Check",
            "/api/webhook/install" => "WebhookInstalled",
            "/api/rules/try" => "Tried",
            "/api/forget" | "/api/forget/preview" => "Forgotten",
            "/api/pins" => "Pinned",
            "/api/calls/{call}/look-up" => "LookedUp",
            _ => "Done",
        });
    }
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
        "/api/messages" => "Conversations",
        "/api/reports" => "Report",
        "/api/rules" => "Rules",
        "/api/backfill/preview" => "BackfillPlan",
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
