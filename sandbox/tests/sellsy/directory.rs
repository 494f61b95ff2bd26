//! Finding people: searches, items, links, the global search, and changes that a person makes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, ids, unlimited};

#[tokio::test]
async fn contacts_are_found_by_exactly_what_is_stored() {
    let client = Client::start(unlimited()).await;
    let by = async |number: &str| ids(&client.find("/contacts/search", json!({"mobile_number": number})).await);
    assert_eq!(by("+33639984003").await, [4003]);
    assert_eq!(by("+33639984001").await, [] as [u64; 0], "stored with spaces");
    assert_eq!(by("+33 6 39 98 40 01").await, [4001]);
    let ignored = client.find("/contacts/search", json!({"telephone": "+33639984003"})).await;
    assert_eq!(ignored["pagination"]["total"], 10, "an unknown filter of an open schema filters nothing");
}

#[tokio::test]
async fn individuals_and_companies_refuse_a_phone_filter() {
    let client = Client::start(unlimited()).await;
    for path in ["/individuals/search", "/companies/search"] {
        let body = json!({"filters": {"phone_number": "+33639980002"}});
        let (status, answer) = client.api(Method::POST, path, Some(body)).await;
        assert_eq!(status, 400);
        assert_eq!(answer["error"]["details"]["phone_number"], "Ce champ est inconnu");
    }
}

#[tokio::test]
async fn pages_are_followed_by_their_offset_to_the_end() {
    let client = Client::start(unlimited()).await;
    let mut offset = String::new();
    let mut seen = Vec::new();
    loop {
        let page = client.find(&format!("/individuals/search?limit=5{offset}"), json!({})).await;
        seen.extend(ids(&page));
        if page["pagination"]["count"].as_u64() < Some(5) {
            break;
        }
        offset = format!("&offset={}", page["pagination"]["offset"].as_str().unwrap().replace('=', "%3D"));
    }
    assert_eq!(seen, (2001..=2014).collect::<Vec<_>>());
    let (status, _) = client.api(Method::POST, "/individuals/search", Some(json!({"filters": {}, "limit": 5}))).await;
    assert_eq!(status, 400, "limits are for the query");
    let (status, _) = client.api(Method::POST, "/individuals/search?limit=101", Some(json!({"filters": {}}))).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_global_search_ranks_and_leaves_archived_records_out() {
    let client = Client::start(unlimited()).await;
    let found = async |query: &str| -> Vec<u64> {
        let answer = client.get(&format!("/search?{query}")).await;
        answer["data"].as_array().unwrap().iter().map(|row| row["object"]["id"].as_u64().unwrap()).collect()
    };
    let kinds = "type[]=individual&type[]=company&type[]=contact&limit=100";
    assert_eq!(found(&format!("q=%2B33199002020&{kinds}")).await, [4005, 3005, 2006], "not by id");
    assert_eq!(found(&format!("q=%2B33465710008&{kinds}")).await, [3008]);
    assert_eq!(found(&format!("q=%2B33465710008&{kinds}&archived=true")).await, [2008]);
    assert_eq!(found("q=%2B33199002020&type[]=company.supplier").await, [] as [u64; 0]);
    assert_eq!(found("q=marc.roussel&type=contact").await, [2004], "without brackets it asks for nothing");
    client.control(Method::PUT, "/sellsy/search", Some(json!({"phones": "literal"}))).await;
    assert_eq!(found(&format!("q=%2B33199002020&{kinds}")).await, [3005]);
    client.control(Method::PUT, "/sellsy/search", Some(json!({"phones": "off"}))).await;
    assert_eq!(found(&format!("q=%2B33199002020&{kinds}")).await, [] as [u64; 0]);
    client.control(Method::PUT, "/sellsy/search", Some(json!({"phones": "word"}))).await;
    assert_eq!(found(&format!("q=%2B33199002020&{kinds}")).await, [3005]);
    assert_eq!(found(&format!("q=0199002020&{kinds}")).await, [4005]);
    assert_eq!(found(&format!("q=199002020&{kinds}")).await, [] as [u64; 0]);
}

#[tokio::test]
async fn phone_filters_and_the_length_of_pages_are_a_tests_to_choose() {
    let client = Client::start(unlimited()).await;
    let search = async |settings: Value| client.control(Method::PUT, "/sellsy/search", Some(settings)).await;
    let filtered = async || ids(&client.find("/contacts/search", json!({"mobile_number": "+33639984002"})).await);
    assert_eq!(filtered().await, [] as [u64; 0], "it is typed with blanks");
    search(json!({"phones": "digits", "contact_filters": "digits"})).await;
    assert_eq!(filtered().await, [4002]);
    search(json!({"phones": "digits", "contact_filters": "ignored"})).await;
    assert_eq!(filtered().await.len(), 10);
    search(json!({"phones": "digits", "longest_page": 4})).await;
    let page = client.find("/contacts/search?limit=100", json!({})).await;
    assert_eq!(ids(&page), [4001, 4002, 4003, 4004]);
    assert_eq!((&page["pagination"]["limit"], &page["pagination"]["total"]), (&json!(100), &json!(10)));
}

#[tokio::test]
async fn pages_lead_somebody_who_has_not_signed_in_as_a_test_chooses() {
    let client = Client::start(unlimited()).await;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let opened = async |path: &str| http.get(format!("{}/pages{path}", client.base)).send().await.unwrap().status();
    let (page, nowhere, query) = ("/peoples/4001", "/nowhere/1", "/?_f=prospection_opportunity&oid=1");
    for (pages, expected) in [("alike", [302, 302, 302]), ("known", [302, 404, 404]), ("query", [404, 404, 302])] {
        client.control(Method::PUT, "/sellsy/pages", Some(json!({"pages": pages}))).await;
        for (path, expected) in [page, nowhere, query].into_iter().zip(expected) {
            assert_eq!(opened(path).await, expected, "{pages}: {path}");
        }
    }
}

#[tokio::test]
async fn a_contact_leads_to_its_companies_and_these_to_their_opportunities() {
    let client = Client::start(unlimited()).await;
    assert_eq!(ids(&client.get("/contacts/4002/companies").await), [3002, 3006]);
    assert_eq!(ids(&client.find("/companies/search", json!({"contacts": [4002]})).await), [3002, 3006]);
    let filters = json!({"statuses": ["open", "late"], "related_objects": [{"type": "individual", "id": 2011}]});
    let page = client.find("/opportunities/search?limit=1&order=created&direction=asc", filters).await;
    assert_eq!(ids(&page), [6011]);
    assert_eq!(page["pagination"]["total"], 3);
    let (status, _) =
        client.api(Method::POST, "/opportunities/search", Some(json!({"filters": {"statuses": []}}))).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_person_changes_records_and_the_update_filter_shows_it() {
    let client = Client::start(unlimited()).await;
    let before = json!({"updated_at": {"start": "2026-01-01T00:00:00+01:00"}});
    assert_eq!(ids(&client.find("/individuals/search", before.clone()).await), [] as [u64; 0]);
    client
        .control(Method::PATCH, "/sellsy/individuals/2003", Some(json!({"mobile_number": "+33 6 39 98 99 99"})))
        .await;
    let new = json!({"type": "client", "last_name": "Neuf", "phone_number": "01 99 00 77 77"});
    let new = client.control(Method::POST, "/sellsy/individuals", Some(new)).await;
    assert_eq!(new["id"], 2015);
    assert_eq!(ids(&client.find("/individuals/search", before).await), [2003, 2015]);

    client.control(Method::PATCH, "/sellsy/contacts/4003", Some(json!({"companies": [3009]}))).await;
    assert_eq!(ids(&client.get("/contacts/4003/companies").await), [3009]);
    client.control(Method::DELETE, "/sellsy/companies/3009", None).await;
    assert_eq!(ids(&client.get("/contacts/4003/companies").await), [] as [u64; 0]);
    assert_eq!(client.api(Method::GET, "/companies/3009", None).await.0, 404);

    let typo = client.send(Method::PATCH, "/_sandbox/sellsy/contacts/4003", Some(json!({"compagnies": []}))).await;
    assert_eq!(typo.unwrap().status(), 400);
}

#[tokio::test]
async fn staffs_are_listed_and_the_token_has_one() {
    let client = Client::start(unlimited()).await;
    let all = client.get("/staffs?limit=100").await;
    let emails: Vec<_> = all["data"].as_array().unwrap().iter().map(|staff| staff["email"].clone()).collect();
    assert!(emails.contains(&Value::from("Hugo.Lefevre@Callbridge.example")), "{emails:?}");
    assert_eq!(client.get("/staffs/me").await["id"], 103);
    assert_eq!(ids(&client.find("/staffs/search", json!({"status": ["blocked"]})).await), [104]);
    assert_eq!(
        client.get("/contacts/4001?field[]=id&field[]=owner.id").await,
        json!({"id": 4001, "owner": {"id": 101}})
    );
}
