//! Parses every recorded answer and every example of the vendors' documentation, where they are available. Files that need no
//! type are listed, so that a new file cannot go unread by mistake.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;
use vendors::{
    aircall::wire as aircall,
    sellsy::wire::{self as sellsy, Notice},
};

/// `None`, with a note on stdout, if the variable is not set or empty.
fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).filter(|folder| !folder.is_empty());
    if folder.is_none() {
        println!("skipped: {variable} names no folder of recorded answers");
    }
    folder.map(PathBuf::from)
}

fn bodies(folder: &Path) -> Vec<(String, String)> {
    let mut bodies = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bodies.extend(self::bodies(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            bodies.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    bodies
}

#[track_caller]
fn read<T: DeserializeOwned>(name: &str, body: &str) -> T {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_aircall_payload_parses() {
    let Some(folder) = folder("AIRCALL_PAYLOADS") else {
        return;
    };
    let mut calls = 0;
    for (name, body) in bodies(&folder) {
        let shape: Value = read(&name, &body);
        if shape.get("event").is_some() {
            calls += usize::from(webhook(&name, &body));
        } else {
            rest(&name, &body);
        }
    }
    assert!(calls >= 20, "only {calls} call events in {}", folder.display());
}

fn webhook(name: &str, body: &str) -> bool {
    let envelope = aircall::Envelope::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(envelope.timestamp.is_some(), "{name}");
    let event = &*envelope.event;
    if event.starts_with("call.") {
        let call: aircall::Call = data(name, &envelope);
        assert_eq!(envelope.call_id(), Some(call.id), "{name}");
        let stored = serde_json::to_string(&call).unwrap();
        assert!(serde_json::from_str::<aircall::Call>(&stored).unwrap() == call, "{name}");
        return true;
    }
    let read_right = match event {
        "summary.created" => data::<aircall::Summary>(name, &envelope).content.is_some(),
        "topics.created" => !data::<aircall::Topics>(name, &envelope).content.is_empty(),
        "sentiment.created" => !data::<aircall::Sentiment>(name, &envelope).participants.is_empty(),
        "action_item.created" => data::<aircall::ActionItems>(name, &envelope).items.len() == 1,
        _ if event.starts_with("contact.") => data::<aircall::Contact>(name, &envelope).created_at.is_some(),
        _ => true,
    };
    assert!(read_right, "{name}");
    if envelope.resource == "conversation_intelligence" {
        assert!(envelope.call_id().is_some(), "{name}");
    }
    false
}

#[track_caller]
fn data<T: DeserializeOwned>(name: &str, envelope: &aircall::Envelope<'_>) -> T {
    envelope.data_as().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn rest(name: &str, body: &str) {
    use aircall::*;

    fn some<T: DeserializeOwned>(name: &str, body: &str) -> bool {
        !read::<Listing<T>>(name, body).items.is_empty()
    }
    fn one<T: DeserializeOwned>(name: &str, body: &str) -> T {
        read::<One<T>>(name, body).item
    }

    let read_right = match name {
        "doc_call_get" => one::<Call>(name, body).was_answered(),
        "doc_ci_sentiments_get" => one::<Sentiment>(name, body).participants.len() == 1,
        "doc_ci_summary_get" => one::<Summary>(name, body).content.is_some(),
        "doc_ci_topics_get" => one::<Topics>(name, body).content.len() == 2,
        "ci_rest_action_items" => read::<ActionItems>(name, body).items.len() == 1,
        "ci_rest_custom_summary_result" => read::<CustomSummary>(name, body).sections.len() == 2,
        "doc_meta_pagination" => read::<Listing<Call>>(name, body).meta.next_page_link.is_some(),
        "insight_card_request_attio" => read::<InsightCard>(name, body).contents.len() == 3,
        "rest_recorded_calls_list_empty" => !some::<Call>(name, body),
        "rest_recorded_tags_list" => some::<Tag>(name, body),
        "rest_recorded_teams_list" => some::<Team>(name, body),
        "rest_recorded_team_get" => one::<Team>(name, body).name.is_some(),
        "rest_recorded_users_v2_list" => some::<User>(name, body),
        "rest_recorded_user_v2_get" | "doc_user_v2_created" => one::<User>(name, body).id.is_some(),
        "rest_recorded_webhooks_list" => some::<Webhook>(name, body),
        name if name.contains("contacts_") => some::<Contact>(name, body),
        name if name.contains("contact_") => !one::<Contact>(name, body).phone_numbers.is_empty(),
        name if name.contains("webhook_") => one::<Webhook>(name, body).token.is_some(),
        // What Callbridge does not read: of an error and of a ping only the status counts.
        "doc_ci_predicted_csat_get"
        | "doc_ci_transcription_get"
        | "doc_group_message_send_response"
        | "doc_message_send_response"
        | "doc_ping"
        | "rest_recorded_company"
        | "rest_recorded_user_availabilities" => true,
        name if name.contains("_error_") => true,
        _ => panic!("{name}: no type is assigned to it"),
    };
    assert!(read_right, "{name}");
}

#[test]
fn every_sellsy_payload_parses() {
    let Some(folder) = folder("SELLSY_PAYLOADS") else {
        return;
    };
    let bodies = bodies(&folder);
    assert!(bodies.len() >= 20, "only {} payloads in {}", bodies.len(), folder.display());
    for (name, body) in bodies {
        sellsy_payload(&name, &body);
    }
}

fn sellsy_payload(name: &str, body: &str) {
    use sellsy::*;

    let contacts = || read::<Page<Contact>>(name, body);
    let starts = |prefix: &str| name.starts_with(prefix);
    let read_right = match name {
        "amp-labs.read.contacts.1-first-page" => contacts().next_offset().is_some(),
        "amp-labs.read.contacts.empty" => contacts().next_offset().is_none(),
        _ if starts("amp-labs.read.contacts") => !contacts().data.is_empty(),
        "amp-labs.write.contacts.new" | "deskpro.mockContact" | "pipedream.contact" => {
            read::<Contact>(name, body).last_name.is_some()
        }
        "deskpro.mockCompanies" => read::<Page<Company>>(name, body).data[0].phones().count() == 1,
        "pipedream.company" => read::<Company>(name, body).kind == Some(ThirdKind::Client),
        "deskpro.mockSearchContacts" => {
            read::<Page<SearchRow>>(name, body).data.iter().all(|row| row.phones().count() == 1)
        }
        "pipedream.opportunity" => read::<Opportunity>(name, body).status == Some(OpportunityStatus::Won),
        _ if starts("extracted.phone-call") => {
            let call: PhoneCall = read(name, body);
            call.result.is_some() && call.topic.is_some() && call.date.is_some()
        }
        "deskpro.mockAccessToken" => read::<TokenAnswer>(name, body).expires_in == Some(86_400),
        _ if starts("openapi.token") => read::<TokenAnswer>(name, body).expires_in == Some(3_600),
        _ if starts("mds.webhook") => Notice::parse(body.as_bytes()).unwrap().event.is_some(),
        "splash.webhook.client-updated.form-notif" => form_notice(name, body),
        // Of an error only the status counts.
        _ if name.contains("err") => true,
        // Endpoints and versions of the API that Callbridge does not use.
        _ if starts("v1.") => true,
        "amp-labs.read.custom-fields"
        | "amp-labs.read.tasks-labels.1-first-page"
        | "deskpro.mockActivities"
        | "extracted.timeline-activity.phonecall-created-then-updated"
        | "openapi.batch.207.response"
        | "pipedream.webhook-create.request" => true,
        _ => panic!("{name}: no type is assigned to it"),
    };
    assert!(read_right, "{name}");
}

/// The recording stores it as a JSON object of form fields.
fn form_notice(name: &str, body: &str) -> bool {
    let fields: Value = read(name, body);
    let notif = fields["notif"].as_str().unwrap();
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("notif", notif).finish();
    Notice::parse(form.as_bytes()).unwrap().relatedid == Some(12_345)
}
