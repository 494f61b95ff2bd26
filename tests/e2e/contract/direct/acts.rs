//! What the bridge can do beside logs and tasks: new individuals, smart-tags, and the steps of opportunities.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;

use super::Client;

/// The records whose smart-tags are read and written.
const TAGGED: [&str; 4] = ["/individuals/2014", "/companies/3006", "/contacts/4008", "/opportunities/6106"];

pub(super) async fn ask(client: &Client<'_>) -> Result<()> {
    individuals(client).await?;
    smart_tags(client).await?;
    steps(client).await
}

async fn individuals(client: &Client<'_>) -> Result<()> {
    let least = json!({ "type": "prospect", "last_name": "Garance" });
    client.expect(204, Method::POST, "/individuals?verify=true", Some(&least)).await?;
    client.expect(201, Method::POST, "/individuals?field[]=id", Some(&least)).await?;
    let all = json!({
        "type": "client", "last_name": "Garance", "first_name": null, "civility": "ms", "email": "lucie@example.org",
        "website": "https://example.org", "phone_number": null, "mobile_number": "+33639987001", "fax_number": null,
        "reference": "AIRCALL-1", "note": "Appel", "auxiliary_code": null, "rate_category_id": null, "owner_id": 102,
        "accounting_code_id": null, "accounting_purchase_code_id": null, "is_archived": false,
        "social": { "twitter": null, "linkedin": "https://example.org/lucie" }, "sync": { "mailjet": false },
        "marketing_campaigns_subscriptions": ["sms", "phone"], "created": "2026-11-23T10:15:30+01:00",
    });
    let made = client.expect(201, Method::POST, "/individuals?embed[]=owner", Some(&all)).await?;
    let path = format!("/individuals/{}", made["id"]);
    let found = client.filter("/individuals/search?limit=1", &json!({ "reference": ["AIRCALL-1"] })).await?;
    ensure!(found["data"][0]["id"] == made["id"], "{found}");
    let changes = json!({ "note": "Rappelé", "mobile_number": null, "owner_id": null });
    client.expect(204, Method::PUT, &format!("{path}?verify=true"), Some(&changes)).await?;
    client.expect(200, Method::PUT, &path, Some(&changes)).await?;
    client.get(&path).await?;
    for (method, path, body) in [
        (Method::POST, "/individuals", json!({ "last_name": "Garance" })),
        (Method::POST, "/individuals", json!({ "type": "lead", "last_name": "Garance" })),
        (Method::POST, "/individuals", json!({ "type": "client", "last_name": null })),
        (Method::POST, "/individuals", json!({ "type": "client", "last_name": "Garance", "email": "lucie" })),
        (Method::POST, "/individuals?verify=maybe", least),
        (Method::PUT, &*path, json!({ "note": null })),
        (Method::PUT, &*path, json!({ "marketing_campaigns_subscriptions": ["fax"] })),
    ] {
        client.expect(400, method, path, Some(&body)).await?;
    }
    client.expect(204, Method::DELETE, &path, None).await?;
    client.expect(404, Method::DELETE, &path, None).await?;
    client.expect(404, Method::PUT, &path, Some(&changes)).await.map(drop)
}

async fn smart_tags(client: &Client<'_>) -> Result<()> {
    for record in TAGGED {
        let path = format!("{record}/smart-tags");
        let before = client.get(&path).await?;
        ensure!(before["pagination"]["total"].as_u64() > Some(0), "{path}: {before}");
        let tags = json!([{ "value": "Neuf" }, { "id": before["data"][0]["id"] }]);
        let after = client.expect(200, Method::POST, &path, Some(&tags)).await?;
        ensure!(after["pagination"]["total"] == 2, "{path}: {after}");
        for wrong in [json!([{}]), json!(["Neuf"]), json!([{ "value": 1 }]), json!({ "value": "Neuf" })] {
            client.expect(400, Method::POST, &path, Some(&wrong)).await?;
        }
        // No body at all is documented.
        client.expect(200, Method::POST, &path, None).await?;
    }
    for path in ["/individuals/1/smart-tags", "/companies/1/smart-tags", "/contacts/1/smart-tags"] {
        client.expect(404, Method::GET, path, None).await?;
        client.expect(404, Method::POST, path, Some(&json!([]))).await?;
    }
    Ok(())
}

async fn steps(client: &Client<'_>) -> Result<()> {
    client.get("/opportunities/pipelines?order=rank&direction=desc").await?;
    client.filter("/opportunities/steps/search?limit=100", &json!({})).await?;
    let steps =
        client.filter("/opportunities/steps/search?order=probability", &json!({ "name": "devis", "id": [22] })).await?;
    let move_to = json!({ "step": steps["data"][0]["id"] });
    let path = "/opportunities/6001?only[]=step";
    client.expect(204, Method::PATCH, &format!("{path}&verify=true"), Some(&move_to)).await?;
    let moved = client.expect(200, Method::PATCH, path, Some(&move_to)).await?;
    ensure!(moved["step"]["id"] == move_to["step"], "{moved}");
    let other =
        json!({ "status": "open", "amount": 9000.5, "probability": 60, "due_date": null, "note": "x", "pipeline": 11 });
    let listed = "only[]=status&only[]=amount&only[]=probability&only[]=due_date&only[]=note&only[]=pipeline";
    client.expect(200, Method::PATCH, &format!("/opportunities/6001?{listed}"), Some(&other)).await?;
    client.filter("/opportunities/search?order=step_rank", &json!({ "pipeline": [11], "step": [22, 23] })).await?;
    for (method, path, body) in [
        (Method::PATCH, path, json!({ "step": "22" })),
        (Method::PATCH, path, json!({ "step": { "id": 22 } })),
        (Method::PATCH, path, json!({ "step": 22, "related": [] })),
        (Method::PATCH, "/opportunities/6001?only[]=related", move_to.clone()),
        (Method::POST, "/opportunities/steps/search", json!({})),
        (Method::POST, "/opportunities/steps/search", json!({ "filters": { "id": [] } })),
        (Method::POST, "/opportunities/steps/search", json!({ "filters": {}, "pipeline": 11 })),
        (Method::POST, "/opportunities/steps/search?order=name", json!({ "filters": {} })),
    ] {
        client.expect(400, method, path, Some(&body)).await?;
    }
    client.expect(404, Method::PATCH, "/opportunities/1?only[]=step", Some(&move_to)).await.map(drop)
}
