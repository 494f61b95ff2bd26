//! The commands of the sandbox's own document, as they stand there: each is accepted, and each kind of fault that it lists.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, unlimited};

const README: &str = include_str!("../../README.md");

/// Method, path and body of every `curl` in the document.
fn commands() -> Vec<(Method, String, Value)> {
    let command = |text: &str| {
        let method = if text.contains(" -X PUT ") { Method::PUT } else { Method::POST };
        let path = text.split("/_sandbox").nth(1)?.split_whitespace().next()?.to_owned();
        let body = text.split("-d '").nth(1)?.split('\'').next()?;
        Some((method, path, serde_json::from_str(body).unwrap()))
    };
    README.split("    curl ").skip(1).map(|text| command(&format!(" {text}")).unwrap()).collect()
}

#[tokio::test]
async fn each_command_of_the_document_is_accepted() {
    let client = Client::start(unlimited()).await;
    let commands = commands();
    assert!(commands.len() >= 3, "{commands:?}");
    for (method, path, body) in commands {
        client.control(method, &path, Some(body)).await;
    }
    // The fault of the document is in force.
    let call = json!({ "direction": "inbound" });
    let (status, _) = client.api(Method::POST, "/phone-calls", Some(call)).await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn each_kind_of_fault_that_the_document_lists_is_accepted() {
    let client = Client::start(unlimited()).await;
    let kinds: Vec<Value> = README
        .split('`')
        .filter(|code| code.starts_with(r#"{"kind""#))
        .map(|code| serde_json::from_str(code).unwrap())
        .collect();
    assert!(kinds.len() >= 7, "{kinds:?}");
    for kind in kinds {
        client.fault(json!({ "path": "*", "do": kind })).await;
    }
}

#[test]
fn its_port_is_not_the_consoles() {
    assert!(!README.contains(":8090"), "the console listens there");
}
