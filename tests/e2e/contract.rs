//! Whether the requests of the workers to Sellsy, and the sandbox's answers in its place, match Sellsy's documentation.
//!
//! Every other test relies on the sandbox; this one compares the sandbox and the workers with Sellsy's own OpenAPI document, as
//! far as that is possible without an account. The document is Sellsy's and not in this repository: `SELLSY_OPENAPI`
//! names it. If that is not set or empty, the test says so and passes.

mod direct;
mod document;
mod played;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use harness::{ACCOUNTS, Sandbox, Stack, workspace};
use serde_json::json;

use document::{Document, Exchange, Operation};

/// Every endpoint that the workers use. When you add one, add a call to `played` that uses it.
const OF_WORKERS: [&str; 37] = [
    "GET /activities/crm/metas",
    "GET /comments/{id}",
    "GET /companies/{companyId}/smart-tags",
    "GET /companies/{id}",
    "GET /contacts/{contactId}/smart-tags",
    "GET /contacts/{id}",
    "GET /contacts/{id}/companies",
    "GET /individuals/{id}",
    "GET /individuals/{id}/smart-tags",
    "GET /opportunities/{id}",
    "GET /opportunities/{id}/smart-tags",
    "GET /phone-calls/{id}",
    "GET /quotas",
    "GET /search",
    "GET /staffs",
    "GET /tasks/labels",
    "GET /tasks/{id}",
    "PATCH /opportunities/{id}",
    "POST /comments",
    "POST /comments/search",
    "POST /companies/search",
    "POST /companies/{companyId}/smart-tags",
    "POST /contacts/search",
    "POST /contacts/{contactId}/smart-tags",
    "POST /individuals",
    "POST /individuals/search",
    "POST /individuals/{id}/smart-tags",
    "POST /opportunities/search",
    "POST /opportunities/steps/search",
    "POST /opportunities/{id}/smart-tags",
    "POST /phone-calls",
    "POST /phone-calls/search",
    "POST /tasks",
    "POST /tasks/search",
    "PUT /comments/{id}",
    "PUT /phone-calls/{id}",
    "PUT /tasks/{id}",
];

/// The other endpoints of the sandbox.
const OF_SANDBOX: [&str; 8] = [
    "DELETE /individuals/{id}",
    "DELETE /phone-calls/{id}",
    "DELETE /tasks/{id}",
    "GET /opportunities/pipelines",
    "GET /phone-calls",
    "GET /staffs/{id}",
    "POST /staffs/search",
    "PUT /individuals/{id}",
];

#[tokio::test]
async fn sellsy_is_asked_and_answers_as_documented() -> Result<()> {
    let Some(document) = find()? else { return Ok(()) };
    let mut stack = Stack::new("contract").await?;
    // The topics are read for a rule that names one.
    let rules = stack.logs.join("rules.toml");
    std::fs::write(&rules, played::RULES)?;
    stack.environment.insert("RULES".into(), rules.display().to_string());
    let workers = stack.start_all().await?;
    played::play(&mut stack, workers).await?;
    let mut of_workers = exchanges(&stack.sandbox).await?;
    let all = of_workers.len();
    // Without credentials: the probe that tells an outage from a request that failed, at that request's address.
    of_workers.retain(|exchange| exchange.status != Some(401));
    direct::ask(&stack.sandbox).await?;
    let mut of_sandbox = exchanges(&stack.sandbox).await?.split_off(all);
    of_sandbox.extend(refused_by_scope(&stack.logs).await?);

    let mut findings = Findings::default();
    of_workers.iter().for_each(|exchange| findings.of_worker(&document, exchange));
    of_sandbox.iter().for_each(|exchange| findings.of_sandbox(&document, exchange));
    let (workers, sandbox) = (tally(&document, &of_workers), tally(&document, &of_sandbox));
    report(&workers, &sandbox)?;
    let lines: String =
        findings.0.iter().map(|(finding, requests)| format!("\n  {finding} (requests {requests:?})")).collect();
    assert!(lines.is_empty(), "not as documented:{lines}");
    // The checks above prove nothing about endpoints that were never called.
    assert_eq!(workers.keys().map(String::as_str).collect::<Vec<_>>(), OF_WORKERS, "what the workers use");
    let all: BTreeSet<_> = workers.keys().chain(sandbox.keys()).map(String::as_str).collect();
    assert_eq!(all, OF_WORKERS.into_iter().chain(OF_SANDBOX).collect(), "what the sandbox has");
    let statuses: BTreeSet<_> = of_sandbox.iter().filter_map(|exchange| exchange.status).collect();
    assert_eq!(statuses, BTreeSet::from([200, 201, 204, 400, 401, 403, 404, 429]));
    stack.down().await
}

/// Deviations from the document, each with the numbers of the requests.
#[derive(Default)]
struct Findings(BTreeMap<String, Vec<u64>>);

impl Findings {
    fn of_worker(&mut self, document: &Document, exchange: &Exchange) {
        self.judge(document, exchange, |operation| operation.check(exchange));
    }

    /// A wrong request is intended here, and must be refused. The sandbox refuses what the document does not allow and (of the
    /// requests made here) nothing else.
    fn of_sandbox(&mut self, document: &Document, exchange: &Exchange) {
        self.judge(document, exchange, |operation| {
            let mut findings = operation.answer(exchange);
            let wrong = operation.request(exchange);
            if (exchange.status == Some(400)) == wrong.is_empty() {
                findings.push(format!("{} is answered {:?}: {wrong:?}", operation.endpoint, exchange.status));
            }
            findings
        });
    }

    fn judge(&mut self, document: &Document, exchange: &Exchange, check: impl Fn(&Operation<'_>) -> Vec<String>) {
        let findings = match document.operation(exchange) {
            Ok(operation) => {
                assert_nothing_is_overlooked(&operation, exchange);
                check(&operation)
            }
            Err(finding) => vec![finding],
        };
        for finding in findings {
            let requests = self.0.entry(finding).or_default();
            if requests.last() != Some(&exchange.seq) {
                requests.push(exchange.seq);
            }
        }
    }
}

/// The document, or `None` after printing why not.
fn find() -> Result<Option<Document>> {
    let Some(path) = std::env::var_os("SELLSY_OPENAPI").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        say("SKIPPED: the contract with Sellsy was not checked: SELLSY_OPENAPI names no document.")?;
        return Ok(None);
    };
    // A named file that does not exist is an error, not a reason to skip.
    let text = std::fs::read(&path).with_context(|| format!("{}", path.display()))?;
    Ok(Some(Document::new(serde_json::from_slice(&text)?)))
}

/// Not with `println`, whose output is shown only for a failing test.
fn say(text: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{text}").context("stderr")
}

/// All requests to Sellsy's API so far. Sellsy's token endpoint is on another host and not in the document.
async fn exchanges(sandbox: &Sandbox) -> Result<Vec<Exchange>> {
    let requests: Vec<Exchange> = serde_json::from_value(sandbox.get("/requests?api=sellsy").await?)?;
    Ok(requests.into_iter().filter(|exchange| exchange.path != "/oauth2/access-tokens").collect())
}

async fn refused_by_scope(folder: &Path) -> Result<Vec<Exchange>> {
    let account = std::fs::read_to_string(workspace().join(ACCOUNTS))?;
    let narrow = account.replace("\"staffs.read\",", "");
    ensure!(narrow != account, "staffs.read is one of the scopes");
    let data = folder.join("narrow-account.toml");
    std::fs::write(&data, narrow)?;
    let sandbox = Sandbox::start(&data, folder.join("narrow-sandbox.log"), &[]).await?;
    direct::ask_without_scope(&sandbox).await?;
    exchanges(&sandbox).await
}

/// The number of requests to each endpoint.
fn tally(document: &Document, exchanges: &[Exchange]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for operation in exchanges.iter().filter_map(|exchange| document.operation(exchange).ok()) {
        *counts.entry(operation.endpoint).or_default() += 1;
    }
    counts
}

/// The same exchange with a wrong body must be reported; otherwise the bodies are not really compared.
fn assert_nothing_is_overlooked(operation: &Operation<'_>, exchange: &Exchange) {
    if exchange.status.is_some() {
        let wrong = Exchange { response_body: json!("wrong"), ..exchange.clone() };
        assert!(!operation.answer(&wrong).is_empty(), "an answer to {} passes unseen", operation.endpoint);
    }
    if !exchange.request_body.is_null() {
        let wrong = Exchange { request_body: json!(["wrong"]), ..exchange.clone() };
        let seen = operation.request(&wrong).iter().any(|finding| finding.contains("request body"));
        assert!(seen, "a body of {} passes unseen", operation.endpoint);
    }
}

fn report(workers: &BTreeMap<String, usize>, sandbox: &BTreeMap<String, usize>) -> Result<()> {
    let endpoints: BTreeSet<_> = workers.keys().chain(sandbox.keys()).collect();
    let count = |of: &BTreeMap<String, usize>, endpoint| of.get(endpoint).copied().unwrap_or_default();
    let rows = endpoints
        .into_iter()
        .map(|endpoint| format!("\n  {endpoint:<38}{:>8}{:>8}", count(workers, endpoint), count(sandbox, endpoint)));
    let head = format!("{:<40}{:>8}{:>8}", "compared with the document", "workers", "others");
    say(&std::iter::once(head).chain(rows).collect::<String>())
}
