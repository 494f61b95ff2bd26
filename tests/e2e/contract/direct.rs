//! Requests that the workers do not make yet, made to the sandbox directly: other endpoints, other filters, refusals.

use anyhow::{Context, Result, ensure};
use harness::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};

mod acts;

/// The endpoints whose lists are read completely, so that every record of the account is checked.
const ALL: [&str; 5] = [
    "/individuals/search?limit=100",
    "/companies/search?limit=100",
    "/contacts/search?limit=100",
    "/opportunities/search?limit=100",
    "/phone-calls/search?limit=100",
];

/// A client with a token of its own.
struct Client<'a> {
    sandbox: &'a Sandbox,
    http: reqwest::Client,
    token: String,
}

impl<'a> Client<'a> {
    async fn log_in(sandbox: &'a Sandbox) -> Result<Self> {
        let mut client = Self { sandbox, http: reqwest::Client::new(), token: String::new() };
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": "sandbox-sellsy-client",
            "client_secret": "sandbox-sellsy-secret",
        });
        let answer = client.send(Method::POST, "/sellsy/oauth2/access-tokens", Some(&body)).await?;
        client.token = answer.1["access_token"].as_str().context("a token")?.to_owned();
        Ok(client)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let url = format!("{}{path}", self.sandbox.url());
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? }))
    }

    async fn expect(&self, expected: u16, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.send(method.clone(), &format!("/sellsy/v2{path}"), body).await?;
        ensure!(status == expected, "{method} {path}: {status} and not {expected}: {answer}");
        Ok(answer)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.expect(200, Method::GET, path, None).await
    }

    async fn filter(&self, path: &str, filters: &Value) -> Result<Value> {
        self.expect(200, Method::POST, path, Some(&json!({ "filters": filters }))).await
    }
}

/// Makes all requests that a full token allows, then those that are refused.
pub(super) async fn ask(sandbox: &Sandbox) -> Result<()> {
    let client = Client::log_in(sandbox).await?;
    read(&client).await?;
    search(&client).await?;
    write(&client).await?;
    tasks(&client).await?;
    acts::ask(&client).await?;
    wrong(&client).await?;
    missing(&client).await?;
    too_often(&client).await?;
    sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    client.expect(401, Method::GET, "/staffs/me", None).await.map(drop)
}

/// Requests what this sandbox's token has no scope for.
pub(super) async fn ask_without_scope(sandbox: &Sandbox) -> Result<()> {
    let client = Client::log_in(sandbox).await?;
    client.expect(403, Method::GET, "/staffs?limit=100", None).await.map(drop)
}

async fn read(client: &Client<'_>) -> Result<()> {
    for path in [
        "/quotas",
        "/activities/crm/metas",
        "/staffs/me",
        "/staffs/101",
        "/staffs?limit=2&offset=0&order=name",
        "/individuals/2001",
        "/companies/3001?field[]=id&field[]=owner.id",
        "/contacts/4001",
        "/contacts/4002/companies",
        "/opportunities/6001?embed[]=company&embed[]=individual",
        "/search?q=moreau",
        "/search?q=mor&type[]=individual.client&type[]=company.supplier&type[]=contact&limit=100",
        "/search?q=06.39.98&type[]=individual&type[]=company&type[]=contact&limit=100",
        "/search?q=e&type[]=individual&type[]=company&type[]=contact&limit=100&archived=true",
        "/search?q=e&type[]=individual&type[]=company&type[]=contact&limit=100&archived=false",
    ] {
        client.get(path).await?;
    }
    Ok(())
}

async fn search(client: &Client<'_>) -> Result<()> {
    for path in ALL {
        let page = client.filter(path, &json!({})).await?;
        ensure!(page["data"].as_array().is_some_and(|rows| !rows.is_empty()), "{path}: no rows");
    }
    let year = json!({ "start": "2025-01-01T00:00:00+01:00", "end": "2025-12-31T23:59:59+01:00" });
    for (path, filters) in [
        ("/individuals/search?order=name&direction=desc", json!({ "type": ["client", "prospect"], "created": year })),
        ("/companies/search?order=updated_at", json!({ "contacts": [4001, 4002], "is_archived": false })),
        ("/contacts/search?order=created_at&field[]=id", json!({ "individuals": [2001], "updated": year })),
        ("/opportunities/search?order=due_date&direction=desc", json!({ "statuses": ["open", "late", "won", "lost"] })),
        ("/phone-calls/search?order=id", json!({ "owners": [101, 102], "source": "incoming", "result": "connected" })),
        ("/staffs/search?limit=100", json!({ "status": ["ok", "blocked"] })),
    ] {
        client.filter(path, &filters).await?;
    }
    // Seek pagination: the offset is the one that the previous page returned.
    let page = client.get("/phone-calls?limit=1&order=id&direction=desc").await?;
    let offset = page["pagination"]["offset"].as_str().context("an offset")?;
    client.get(&format!("/phone-calls?limit=1&order=id&direction=desc&offset={offset}")).await?;
    Ok(())
}

async fn write(client: &Client<'_>) -> Result<()> {
    let call = json!({
        "owner_id": 101, "date": "2026-11-23T10:15:30+01:00", "source": "outcoming", "result": "msgvocal",
        "description": null, "duration": 12, "topic": 41, "priority": 1,
        "related": [{ "type": "contact", "id": 4001 }, { "type": "company", "id": 3001 }, { "type": "opportunity", "id": 6102 }],
    });
    let call = client.expect(201, Method::POST, "/phone-calls", Some(&call)).await?;
    let path = format!("/phone-calls/{}", call["id"]);
    client.expect(200, Method::PUT, &path, Some(&json!({ "description": "Rappeler lundi." }))).await?;
    client.get(&format!("{path}?embed[]=owner")).await?;
    client.expect(204, Method::DELETE, &path, None).await?;
    client.expect(404, Method::DELETE, &path, None).await?;

    let comment = json!({ "description": "Rappeler lundi.", "related": [{ "type": "company", "id": 3001 }] });
    let comment = client.expect(201, Method::POST, "/comments", Some(&comment)).await?;
    let answer = json!({
        "description": "Fait.", "parent_id": comment["id"], "created": "2026-11-23T10:15:30+01:00",
        "mentioned_staff_ids": [101, 102],
    });
    client.expect(201, Method::POST, "/comments", Some(&answer)).await?;
    let path = format!("/comments/{}", comment["id"]);
    client.expect(200, Method::PUT, &path, Some(&json!({ "description": "Rappeler mardi." }))).await?;
    client.get(&path).await?;
    let of_company = json!({ "related_objects": [{ "type": "company", "id": 3001 }], "owners": [103] });
    let page = client.filter("/comments/search?limit=100&order=id&direction=desc", &of_company).await?;
    ensure!(page["data"][0]["description"] == "Rappeler mardi.", "{page}");
    Ok(())
}

async fn tasks(client: &Client<'_>) -> Result<()> {
    let labels = client.get("/tasks/labels?order=rank&direction=asc").await?;
    let label = &labels["data"][0]["id"];
    let due = "2026-11-24T10:00:00+01:00";
    client
        .expect(201, Method::POST, "/tasks", Some(&json!({ "label_id": label, "due_date": due, "related": [] })))
        .await?;
    let task = json!({
        "label_id": label, "due_date": due, "related": [{ "type": "opportunity", "id": 6102 }],
        "title": "Devis", "description": null, "status": "todo", "is_private": true, "created": "2026-11-23T10:15:30+01:00",
        "owner_id": 101, "assigned_staff_ids": [101, 102], "priority": 1,
        "reminders": [{ "medium": "email", "delay": "1month" }, { "medium": "inapp", "delay": "5min" }],
    });
    let task = client.expect(201, Method::POST, "/tasks", Some(&task)).await?;
    let path = format!("/tasks/{}", task["id"]);
    let done = json!({ "status": "done", "reminders": [], "assigned_staff_ids": null, "related": [{ "type": "company", "id": 3001 }] });
    client.expect(200, Method::PUT, &path, Some(&done)).await?;
    client.get(&format!("{path}?embed[]=owner")).await?;
    let wanted = json!({
        "statuses": ["done"], "labels": [label], "owners": [101], "companies": [3001], "priority": { "min": 1, "max": 1 },
        "due_date": { "start": due, "end": due }, "related_objects": [{ "type": "company", "id": 3001 }],
    });
    let page = client.filter("/tasks/search?order=due_date&direction=desc&limit=100", &wanted).await?;
    ensure!(page["data"][0]["id"] == task["id"], "{page}");
    for (method, path, body) in [
        (Method::POST, "/tasks", json!({ "label_id": label, "due_date": due })),
        (Method::PUT, &*path, json!({ "due_date": "2026-11-24 10:00" })),
        (Method::PUT, &*path, json!({ "status": "open" })),
        (Method::PUT, &*path, json!({ "reminders": [{ "medium": "email" }] })),
        (Method::PUT, &*path, json!({ "related": null })),
        (Method::POST, "/tasks/search", json!({ "filters": { "priority": { "least": 1 } } })),
        (Method::POST, "/tasks/search", json!({ "filters": { "statuses": ["open"] } })),
        (Method::POST, "/tasks/search?order=created", json!({ "filters": {} })),
    ] {
        client.expect(400, method, path, Some(&body)).await?;
    }
    client.expect(204, Method::DELETE, &path, None).await?;
    client.expect(404, Method::GET, &path, None).await.map(drop)
}

/// Undocumented requests that are accepted nevertheless.
async fn wrong(client: &Client<'_>) -> Result<()> {
    for (method, path, body) in [
        (Method::GET, "/search?limit=5", Value::Null),
        (Method::GET, "/phone-calls?limit=101", Value::Null),
        (Method::GET, "/staffs?order=email", Value::Null),
        (Method::POST, "/individuals/search", json!({ "filters": { "phone_number": "+33639984107" } })),
        (Method::POST, "/companies/search", json!({ "filters": { "is_archived": "no" } })),
        (Method::POST, "/opportunities/search", json!({ "filters": { "statuses": ["unknown"] } })),
        (Method::POST, "/phone-calls", json!({ "owner_id": 101 })),
        (Method::PUT, "/phone-calls/{id}", json!({ "date": "2026-11-23 10:15" })),
        (Method::POST, "/comments", json!({ "related": [] })),
        (Method::POST, "/comments/search", json!({ "related_objects": [] })),
    ] {
        let calls = client.get("/phone-calls?limit=1").await?;
        let path = path.replace("{id}", &calls["data"][0]["id"].to_string());
        let body = (!body.is_null()).then_some(&body);
        client.expect(400, method, &path, body).await?;
    }
    Ok(())
}

async fn missing(client: &Client<'_>) -> Result<()> {
    for path in [
        "/individuals/1",
        "/companies/1",
        "/contacts/1",
        "/contacts/1/companies",
        "/opportunities/1",
        "/phone-calls/1",
        "/comments/1000",
        "/staffs/1",
    ] {
        client.expect(404, Method::GET, path, None).await?;
    }
    client.expect(404, Method::PUT, "/comments/1000", Some(&json!({ "description": "?" }))).await?;
    client.expect(404, Method::PUT, "/phone-calls/1", Some(&json!({ "priority": 0 }))).await.map(drop)
}

async fn too_often(client: &Client<'_>) -> Result<()> {
    let limits = async |second: Option<u32>| {
        let quotas = json!({ "second": second, "minute": null, "day": null, "retry_after": true });
        client.sandbox.control(Method::PUT, "/sellsy/quotas", Some(&quotas)).await
    };
    // The requests of the last second have already used it up.
    limits(Some(1)).await?;
    client.expect(429, Method::GET, "/quotas", None).await?;
    limits(None).await.map(drop)
}
