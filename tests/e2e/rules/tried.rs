//! The command `callbridge rules`, and what workers and `callbridge check` say about the file.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, Result, ensure};
use harness::{Stack, WORKERS, build::call};
use serde_json::{Value, json};

use super::{OWN_NUMBER, SUPPORT, with_rules};
use crate::{CLIENT, SOON};

/// Each tenth of a thousand calls has something that a rule looks at.
const TRIED: &str = r#"
[tags]
"VIP" = { topic = "Support", result = "busy" }
[calls]
own_lines = "nobody"
ignore = ["06 39 98 20 20"]
inbound.missed = "nobody"
[calls.lines."Support"]
inbound.answered = "nobody"
[agents]
"tom.keller@agency.example" = 103
[lines]
"London" = { language = "en" }
"#;

#[tokio::test]
async fn rules_are_tried_on_a_month_of_calls() -> Result<()> {
    let (stack, workers) = Stack::running("rules_try").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    ledger.call_that(id, SOON, |row| row.log.is_some()).await?;
    drop(workers);
    ledger.fill(1000).await?;
    ledger.spread_over(30.0).await?;
    for (digit, field, value) in [
        (1, "tags", json!([{ "id": 1, "name": "vip" }])),
        (2, "raw_digits", json!("+33 6 39 98 20 20")),
        (3, "raw_digits", json!(OWN_NUMBER)),
        (4, "answered_at", Value::Null),
        (5, "user", json!({ "id": 504, "email": "Tom.Keller@agency.example" })),
        (6, "number", json!({ "id": 1003, "name": "London", "digits": "+44 20 7946 0103", "country": "GB" })),
        (7, "number", json!({ "id": SUPPORT, "name": "Support", "digits": "+33 1 99 00 10 02", "country": "FR" })),
    ] {
        ensure!((98..=102).contains(&ledger.every_tenth(digit, field, &value).await?), "{field}");
    }
    let file = stack.logs.join("tried.toml");
    std::fs::write(&file, TRIED)?;
    let file = file.display().to_string();
    let (requests, digest) = (requests(&stack).await?, ledger.digest().await?);

    let began = Instant::now();
    let (said, fine) = stack.callbridge(&["rules", "try", "--since", "31d", "--rules", &file, "--json"]).await?;
    println!("1,000 calls in {:?}", began.elapsed());
    ensure!(fine, "{said}");
    let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    assert_eq!(report["calls"], 1000);
    let found = |kind: &str, says: &str| {
        let all = report["differences"].as_array().into_iter().flatten();
        let one = all.filter(|one| one["kind"] == kind && one["says"].as_str().is_some_and(|text| text.contains(says)));
        one.map(|one| (one["calls"].as_u64().unwrap_or_default(), one["examples"][0].as_i64().unwrap_or_default()))
            .next()
    };
    for (digit, kind, says) in [
        (1, "topic", "topic: “Support” instead of the default"),
        (1, "result", "result: busy instead of by the call's outcome"),
        (2, "not_logged", "one of those to ignore"),
        (3, "not_logged", "one of the company's own numbers"),
        (4, "not_logged", "inbound and not answered"),
        (5, "owner", "the agent is another staff member"),
        (6, "language", "in English instead of French"),
        (7, "not_logged", "inbound and answered"),
    ] {
        let (calls, example) = found(kind, says).with_context(|| format!("{says}: {report:#}"))?;
        ensure!((98..=102).contains(&calls) && example % 10 == digit, "{says}: {calls}, {example}");
    }
    assert_eq!(report["differences"].as_array().map(Vec::len), Some(8), "{report:#}");

    // For people; of a week only.
    let (said, fine) = stack.callbridge(&["rules", "try", "--since", "7d", "--rules", &file]).await?;
    ensure!(fine && said.contains("not logged: the number is one of those to ignore (RULES)"), "{said}");
    ensure!(said.contains(" calls; nothing was written.") && !said.contains("1000 calls"), "{said}");
    assert_eq!(self::requests(&stack).await?, requests, "nothing was asked of either API");
    assert_eq!(ledger.digest().await?, digest, "and nothing was written");
    for (arguments, says) in [
        (&["rules", "try", "--since", "7d"][..], "name a file with --rules, or set RULES"),
        (&["rules", "try", "--since", "often", "--rules", &file], "it must be a date"),
        (&["rules", "try", "--since", "7d", "--rules", "/nowhere.toml"], "it cannot be read"),
    ] {
        let (said, fine) = stack.callbridge(arguments).await?;
        ensure!(!fine && said.contains(says), "{arguments:?}: {said}");
    }
    stack.down().await
}

async fn requests(stack: &Stack) -> Result<(u64, u64)> {
    Ok((stack.sandbox.requests("sellsy").await?, stack.sandbox.requests("aircall").await?))
}

#[tokio::test]
async fn a_wrong_file_names_line_and_cure_and_no_worker_starts_with_it() -> Result<()> {
    let mut stack = Stack::new("rules_wrong").await?;
    let file = stack.logs.join("rules.toml");
    std::fs::write(&file, "[calls]\nown_lines = \"no\"\n\n[tags]\n\"VIP\" = { topics = \"Support\" }\n[mised]\n")?;
    let path = file.display().to_string();
    let named = [
        "line 2: `own_lines` has a value that it cannot have: write \"log\" or \"nobody\"",
        "line 5: `topics` is no key of a tag: write topic, result, task, label, due, smart_tags, on, step or from",
        "line 6: there is no section `mised`: write [tags], [calls], [agents], [lines], [missed], [action_items], [unknown] or [messages]",
    ];
    let (said, fine) = stack.callbridge(&["rules", "check", &path]).await?;
    ensure!(!fine && named.iter().all(|mistake| said.contains(mistake)), "{said}");
    stack.environment.insert("RULES".into(), path.clone());
    let (said, fine) = stack.callbridge(&["rules", "check", "--json"]).await?;
    let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    let lines: Vec<_> = report["mistakes"].as_array().into_iter().flatten().map(|mistake| &mistake["line"]).collect();
    ensure!(!fine && report["works"] == false && lines == [2, 5, 6], "{said}");
    // No worker starts, and none of the mistakes waits for the next start.
    for worker in WORKERS.into_iter().chain(["followups"]) {
        let mut environment = stack.environment.clone();
        environment.insert("LOG_LANGUAGE".into(), "de".into());
        let mut process = stack.spawn(worker, &[], &environment, &format!("{worker}-wrong")).await?;
        let ended = process.wait(SOON).await?;
        let said = process.output();
        ensure!(ended.code() == Some(2) && said.contains("LOG_LANGUAGE must be"), "{worker}: {said}");
        ensure!(named.iter().all(|mistake| said.contains(mistake)), "{worker}: {said}");
    }
    let (said, fine) = stack.callbridge(&["check"]).await?;
    ensure!(!fine && said.contains("setting RULES"), "{said}");

    std::fs::write(&file, "[calls]\nown_lines = \"nobody\"\n")?;
    let (said, fine) = stack.callbridge(&["rules", "check", &path]).await?;
    ensure!(fine && said.contains("no mistake"), "{said}");
    stack.down().await
}

#[tokio::test]
async fn what_the_rules_name_is_compared_with_the_accounts() -> Result<()> {
    let example = std::fs::read_to_string(harness::workspace().join("deploy/rules.example.toml"))?;
    let (mut stack, workers) = with_rules("rules_check", &example).await?;
    let findings = async |stack: &Stack| -> Result<BTreeMap<String, (String, String)>> {
        let (said, _) = stack.callbridge(&["check", "--json"]).await?;
        let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let all = report["findings"].as_array().into_iter().flatten();
        let of_rules = all.filter(|finding| text(finding, "what").starts_with("rules"));
        let said = |finding| (text(finding, "state"), format!("{} {}", text(finding, "says"), text(finding, "cure")));
        Ok(of_rules.map(|finding| (text(finding, "what"), said(finding))).collect())
    };
    let found = findings(&stack).await?;
    for (what, state, says) in [
        ("rules", "warning", "add GB to DEFAULT_REGION"),
        ("rules: topics", "ok", "all 2 exist"),
        ("rules: labels of tasks", "ok", "all 3 exist"),
        ("rules: agents", "ok", "all 5 are active staff members"),
        ("rules: steps", "ok", "all 3 exist"),
        ("rules: lines", "ok", "Aircall has all of them"),
        ("rules: tags", "warning", "Aircall has no tag “Mauvais numéro”"),
    ] {
        let (is, said) = found.get(what).with_context(|| format!("{what}: {found:?}"))?;
        ensure!(is == state && said.contains(says), "{what}: {is}, {said}");
    }
    let wrong = "[tags]\n\"VIP\" = { topic = \"Ventes\" }\n[agents]\n\"a@b.example\" = 999\n\"c@b.example\" = 101\n\
                 [lines]\n\"Lyon\" = { language = \"fr\" }\n[calls.lines.\"Lille\"]\ninbound.missed = \"nobody\"\n[missed]\nlabel = \"Ancienne relance\"\n\
                 [tags.Salon]\nstep = \"Devis envoyé\"\nfrom = [\"Piste\"]\n";
    std::fs::write(stack.logs.join("rules.toml"), wrong)?;
    let found = findings(&stack).await?;
    for (what, says) in [
        ("rules: topics", "Sellsy has no topic “Ventes” correct the name"),
        ("rules: labels of tasks", "Sellsy has no active label of tasks “Ancienne relance”"),
        (
            "rules: steps",
            "Sellsy has several steps “Devis envoyé” write the id of one of them in the file of rules (RULES): 22, 33",
        ),
        ("rules: agents", "1 of 2 are no active staff members"),
        ("rules: lines", "no line for 2 of those"),
    ] {
        let (is, said) = found.get(what).with_context(|| format!("{what}: {found:?}"))?;
        ensure!(is == "failed" && said.contains(says), "{what}: {is}, {said}");
    }
    // Without a file, nothing is compared.
    stack.environment.remove("RULES");
    let found = findings(&stack).await?;
    ensure!(found.len() == 1 && found["rules"].0 == "ok", "{found:?}");
    drop(workers);
    stack.down().await
}
