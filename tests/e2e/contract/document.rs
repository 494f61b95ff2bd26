//! Sellsy's OpenAPI document as the judge of what was sent and answered.
//!
//! In comes the document and one recorded exchange; out come findings, each a line that names what is not as documented,
//! without the values. The document is OpenAPI 3.0, whose schemas are almost JSON Schema: [`Document::new`] translates the
//! rest once. Everything else is read as written: what the document does not name is a finding.

use anyhow::Context;
use jsonschema::{ValidationError, error::ValidationErrorKind};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

/// The document says once, in its introduction, that each endpoint may answer so.
const ERRORS_OF_ALL: [u16; 8] = [400, 401, 402, 403, 404, 409, 413, 429];

pub(super) struct Document {
    root: Value,
}

/// A request and its answer, as the sandbox's journal shows them; no status: the connection broke before the answer.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Exchange {
    pub(super) seq: u64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) request_body: Value,
    pub(super) status: Option<u16>,
    pub(super) response_body: Value,
}

/// What the document says about the endpoint of one exchange.
pub(super) struct Operation<'a> {
    document: &'a Document,
    /// `GET /contacts/{id}`
    pub(super) endpoint: String,
    template: &'a str,
    parameters: Vec<&'a Value>,
    definition: &'a Value,
}

impl Document {
    pub(super) fn new(mut root: Value) -> Self {
        translate(&mut root);
        // An error's details are declared an object, but PHP writes an empty one as [], which is what real errors carry.
        if let Some(details) = root.pointer_mut("/components/schemas/Error/properties/error/properties/details") {
            *details = json!({ "anyOf": [{ "type": "object" }, { "type": "array", "maxItems": 0 }] });
        }
        Self { root }
    }

    /// Fails if the document does not have this path with this method.
    pub(super) fn operation(&self, exchange: &Exchange) -> Result<Operation<'_>, String> {
        let paths = self.root["paths"].as_object().into_iter().flatten();
        // A path that is written out goes before one with a parameter.
        let fitting = paths.filter(|(template, _)| path_parameters(template, &exchange.path).is_some());
        let found = fitting.min_by_key(|(template, _)| template.matches('{').count());
        let (template, item) = found.ok_or_else(|| format!("there is no path {}", exchange.path))?;
        let definition = &item[exchange.method.to_lowercase()];
        if definition.is_null() {
            return Err(format!("there is no {} {template}", exchange.method));
        }
        let lists = [&item["parameters"], &definition["parameters"]].into_iter().filter_map(Value::as_array);
        Ok(Operation {
            document: self,
            endpoint: format!("{} {template}", exchange.method),
            template,
            parameters: lists.flatten().map(|parameter| self.resolve(parameter)).collect(),
            definition,
        })
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let within = value["$ref"].as_str().and_then(|target| self.root.pointer(target.strip_prefix('#')?));
        within.unwrap_or(value)
    }

    fn violations(&self, schema: &Value, value: &Value) -> Vec<String> {
        // References in the schema are to the document's components.
        let schema = json!({ "components": self.root["components"], "allOf": [schema] });
        match jsonschema::draft202012::options().should_validate_formats(true).build(&schema) {
            Ok(validator) => validator.iter_errors(value).flat_map(|error| explain(&error)).collect(),
            Err(e) => vec![format!("the schema cannot be read: {e}")],
        }
    }
}

impl<'a> Operation<'a> {
    pub(super) fn check(&self, exchange: &Exchange) -> Vec<String> {
        [self.request(exchange), self.answer(exchange)].concat()
    }

    /// What is wrong with the request.
    pub(super) fn request(&self, exchange: &Exchange) -> Vec<String> {
        let ids = path_parameters(self.template, &exchange.path).unwrap_or_default();
        let ids = ids.into_iter().flat_map(|(name, value)| match self.parameter("path", name) {
            Some(parameter) => self.value(&format!("path parameter {name}"), &parameter["schema"], value),
            None => vec![format!("path parameter {name} is not declared")],
        });
        let query = self.query(exchange.query.as_deref().unwrap_or_default());
        let body = self.request_body(&exchange.request_body);
        let findings = ids.chain(query.unwrap_or_else(|e| vec![format!("{e:#}")])).chain(body);
        findings.map(|finding| format!("{}: {finding}", self.endpoint)).collect()
    }

    /// What is wrong with the answer.
    pub(super) fn answer(&self, exchange: &Exchange) -> Vec<String> {
        let Some(status) = exchange.status else { return Vec::new() };
        let responses = &self.definition["responses"];
        let documented = responses.get(status.to_string()).or_else(|| responses.get("default"));
        let schema = documented.and_then(|response| json_schema(self.document.resolve(response)));
        let body = &exchange.response_body;
        let findings = match (documented, schema) {
            (_, Some(schema)) => self.document.violations(schema, body),
            (Some(_), None) if status >= 400 => self.error(status, body),
            (None, None) if status >= 500 || ERRORS_OF_ALL.contains(&status) => self.error(status, body),
            (None, None) => vec!["the status is not documented".to_owned()],
            (Some(_), None) if body.is_null() => Vec::new(),
            (Some(_), None) => vec!["there is a body, and none is documented".to_owned()],
        };
        findings.iter().map(|finding| format!("{} answers {status}: {finding}", self.endpoint)).collect()
    }

    fn error(&self, status: u16, body: &Value) -> Vec<String> {
        let mut findings = self.document.violations(&self.document.root["components"]["schemas"]["Error"], body);
        // The schema requires nothing, but the code is described as the HTTP status.
        if body["error"]["code"] != status {
            findings.push("/error/code is not the status".to_owned());
        }
        findings
    }

    fn request_body(&self, body: &Value) -> Vec<String> {
        let declared = self.document.resolve(&self.definition["requestBody"]);
        let findings = match json_schema(declared) {
            None if body.is_null() => Vec::new(),
            None => vec![": there is one, and none is documented".to_owned()],
            Some(_) if body.is_null() && declared["required"] != true => Vec::new(),
            Some(schema) => self.document.violations(schema, body),
        };
        findings.iter().map(|finding| format!("request body {finding}")).collect()
    }

    fn query(&self, query: &str) -> anyhow::Result<Vec<String>> {
        let url = Url::parse(&format!("http://sellsy/?{query}")).context("the query cannot be read")?;
        let mut findings = Vec::new();
        let mut seen = Vec::new();
        for (written, value) in url.query_pairs() {
            let name = written.split('[').next().unwrap_or_default().to_owned();
            let Some(parameter) = self.parameter("query", &name) else {
                findings.push(format!("query parameter {written} is not declared"));
                continue;
            };
            let (what, schema) = (format!("query parameter {name}"), &parameter["schema"]);
            let is_list = schema["type"] == "array";
            // Lists are written in PHP's way, which the document says in words only.
            if written[name.len()..] == *(if is_list { "[]" } else { "" }) {
                findings.extend(self.value(&what, if is_list { &schema["items"] } else { schema }, &value));
            } else {
                findings.push(format!("{what} is written {written}"));
            }
            seen.push(name);
        }
        let required = self.parameters.iter().filter(|p| p["in"] == "query" && p["required"] == true);
        let missing = required.filter_map(|p| p["name"].as_str()).filter(|name| !seen.iter().any(|seen| seen == name));
        findings.extend(missing.map(|name| format!("query parameter {name} is missing")));
        Ok(findings)
    }

    fn parameter(&self, place: &str, name: &str) -> Option<&'a Value> {
        self.parameters.iter().copied().find(|parameter| parameter["in"] == place && parameter["name"] == name)
    }

    /// A value of the URL has no type: it may be meant as text, or as the number or boolean that it looks like.
    fn value(&self, what: &str, schema: &Value, text: &str) -> Vec<String> {
        let readings = [Some(json!(text)), serde_json::from_str(text).ok()];
        let fits = |reading: &Value| self.document.violations(self.document.resolve(schema), reading).is_empty();
        if readings.iter().flatten().any(fits) { Vec::new() } else { vec![format!("{what} has a wrong value")] }
    }
}

/// The parts of `path` that stand for the template's parameters; `None` if it is another path.
fn path_parameters<'t, 'p>(template: &'t str, path: &'p str) -> Option<Vec<(&'t str, &'p str)>> {
    if template.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut parameters = Vec::new();
    for (wanted, is) in template.split('/').zip(path.split('/')) {
        match wanted.strip_prefix('{').and_then(|wanted| wanted.strip_suffix('}')) {
            Some(name) => parameters.push((name, is)),
            None if wanted == is => {}
            None => return None,
        }
    }
    Some(parameters)
}

fn json_schema(message: &Value) -> Option<&Value> {
    message.pointer("/content/application~1json/schema")
}

/// From the dialect of OpenAPI 3.0 to JSON Schema 2020-12, everywhere in the document.
fn translate(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(translate),
        Value::Object(map) => {
            map.values_mut().for_each(translate);
            // Rows of GET /search and the body of POST /comments are closed beside an `allOf` that brings all their
            // properties. Read literally this refuses every property, so also every real object; meant is "nothing but
            // what the parts name", for which JSON Schema has another word since.
            if map.contains_key("allOf") && map.get("additionalProperties") == Some(&json!(false)) {
                map.remove("additionalProperties");
                map.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            // The document's own spelling of the same format.
            if map.get("format") == Some(&json!("datetime")) {
                map.insert("format".to_owned(), json!("date-time"));
            }
            if map.get("nullable") == Some(&json!(true)) {
                map.remove("nullable");
                match map.get("type").cloned() {
                    Some(of @ Value::String(_)) => {
                        map.insert("type".to_owned(), json!([of, "null"]));
                        if let Some(choices) = map.get_mut("enum").and_then(Value::as_array_mut) {
                            choices.push(Value::Null);
                        }
                    }
                    _ => *value = json!({ "anyOf": [{ "type": "null" }, value.take()] }),
                }
            }
        }
        _ => {}
    }
}

/// One line for each thing that is wrong; of alternatives, what the nearest one lacks.
fn explain(error: &ValidationError<'_>) -> Vec<String> {
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } = error.kind() {
        let nearest = context.iter().min_by_key(|errors| errors.iter().map(|e| distance(e, error)).sum::<usize>());
        return nearest.into_iter().flatten().flat_map(explain).collect();
    }
    let path = error.instance_path().to_string();
    // Rows of one list are wrong in the same way.
    let parts = path.split('/').map(|part| if part.bytes().all(|b| b.is_ascii_digit()) { "*" } else { part });
    let place = parts.enumerate().map(|(n, part)| if n == 0 { "" } else { part }).collect::<Vec<_>>().join("/");
    vec![format!("{place}: {}", error.masked())]
}

/// How far an alternative is off by one of its errors.
fn distance(error: &ValidationError<'_>, whole: &ValidationError<'_>) -> usize {
    match error.kind() {
        ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected.len(),
        // Of another type altogether, such as null.
        ValidationErrorKind::Type { .. } if error.instance_path() == whole.instance_path() => usize::from(u8::MAX),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the traits that matter like Sellsy's document.
    fn document() -> Document {
        let call = json!({ "type": "object", "required": ["id"], "properties": {
            "id": { "type": "integer" },
            "date": { "type": "string", "format": "date-time" },
            "source": { "type": "string", "enum": ["incoming", "outcoming"], "nullable": true },
        } });
        let comment = json!({ "additionalProperties": false, "allOf": [
            { "properties": { "description": { "type": "string" } } },
            { "properties": { "timetracking": { "nullable": true, "allOf": [{ "type": "object" }] } } },
        ] });
        let answer = |schema: &Value| json!({ "200": { "content": { "application/json": { "schema": schema } } } });
        let body = |schema: &Value| json!({ "content": { "application/json": { "schema": schema } } });
        let kinds =
            json!({ "name": "type", "in": "query", "schema": { "type": "array", "items": { "enum": ["company"] } } });
        let q = json!({ "name": "q", "in": "query", "required": true, "schema": { "type": "string" } });
        let limit = json!({ "name": "limit", "in": "query", "schema": { "type": "integer", "maximum": 100 } });
        Document::new(json!({
            "components": { "schemas": {
                "Call": call,
                "Error": { "properties": { "error": { "properties": { "details": { "type": "object" } } } } },
            } },
            "paths": {
                "/calls/{id}": {
                    "parameters": [{ "name": "id", "in": "path", "schema": { "type": "integer" } }],
                    "put": {
                        "requestBody": body(&json!({ "$ref": "#/components/schemas/Call" })),
                        "responses": answer(&json!({ "anyOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Call" }] })),
                    },
                    "delete": { "responses": { "204": {} } },
                },
                "/comments": { "post": { "requestBody": body(&comment), "responses": answer(&comment) } },
                "/search": { "get": { "parameters": [kinds, q, limit], "responses": { "200": {} } } },
            },
        }))
    }

    fn exchange(request: &str, request_body: Value, status: u16, response_body: Value) -> Exchange {
        let (method, url) = request.split_once(' ').unwrap();
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query.to_owned())));
        Exchange {
            seq: 1,
            method: method.into(),
            path: path.into(),
            query,
            request_body,
            status: Some(status),
            response_body,
        }
    }

    fn findings(request: &str, request_body: Value, status: u16, response_body: Value) -> Vec<String> {
        let exchange = exchange(request, request_body, status, response_body);
        document().operation(&exchange).map_or_else(|finding| vec![finding], |operation| operation.check(&exchange))
    }

    fn check(found: &[String], expect: &[&str]) {
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{found:?} and not {expect:?}");
        }
    }

    #[test]
    fn a_wrong_request_body_is_reported() {
        let good = json!({ "id": 1, "date": "2026-11-23T10:15:30+01:00", "source": null });
        let put = |body| findings("PUT /calls/1", body, 200, good.clone());
        check(&put(good.clone()), &[]);
        check(&put(json!({ "date": "2026-11-23T10:15:30Z" })), &["request body : "]);
        check(&put(json!({ "id": "1" })), &["request body /id: "]);
        check(&put(json!({ "id": 1, "source": "outgoing" })), &["request body /source: "]);
        check(&put(json!({ "id": 1, "date": "2026-11-23 10:15:30" })), &["request body /date: "]);
        check(&findings("DELETE /calls/1", json!({}), 204, Value::Null), &["none is documented"]);
        // Closed beside its parts: what they name is allowed, anything else is not.
        let post = |body| findings("POST /comments", body, 200, json!({}));
        check(&post(json!({ "description": "x", "timetracking": null })), &[]);
        check(&post(json!({ "description": "x", "text": "y" })), &["request body : "]);
    }

    #[test]
    fn a_wrong_answer_is_reported() {
        let put = |status, answer| findings("PUT /calls/1", json!({ "id": 1 }), status, answer);
        check(&put(200, json!({ "id": 1 })), &[]);
        check(&put(200, json!({ "id": 1, "date": "today" })), &["PUT /calls/{id} answers 200: /date: "]);
        check(&put(201, json!({ "id": 1 })), &["the status is not documented"]);
        check(&put(418, json!({ "error": { "code": 418 } })), &["the status is not documented"]);
        check(&put(404, json!({ "error": { "code": 404, "details": [] } })), &[]);
        check(&put(400, json!({ "error": { "code": 400, "details": { "id": "?" } } })), &[]);
        check(&put(400, json!({ "error": { "code": 400, "details": ["?"] } })), &["/error/details"]);
        check(&put(404, Value::Null), &["/error/code is not the status"]);
        check(&findings("DELETE /calls/1", Value::Null, 204, json!({})), &["there is a body"]);
    }

    #[test]
    fn a_wrong_path_or_query_is_reported() {
        let get = |query: &str| findings(&format!("GET /search?{query}"), Value::Null, 200, Value::Null);
        check(&get("q=x&type%5B%5D=company&type[]=company&limit=5"), &[]);
        check(&get("type[]=company"), &["query parameter q is missing"]);
        check(&get("q=x&type=company"), &["type is written type"]);
        check(&get("q=x&limit[]=5"), &["limit is written limit[]"]);
        check(&get("q=x&type[]=staff&limit=101"), &["type has a wrong value", "limit has a wrong value"]);
        check(&get("q=x&offset=5"), &["query parameter offset is not declared"]);
        check(&findings("GET /nothing", Value::Null, 200, Value::Null), &["there is no path"]);
        check(&findings("PATCH /calls/1", Value::Null, 200, Value::Null), &["there is no PATCH /calls/{id}"]);
        check(&findings("DELETE /calls/x", Value::Null, 204, Value::Null), &["path parameter id has a wrong value"]);
    }
}
