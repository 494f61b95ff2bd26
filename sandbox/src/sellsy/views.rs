//! How the API shows what the store holds: Sellsy's shapes, field by field.
//!
//! Dates carry the account's offset, except in the global search, which answers in UTC. Fields that no rule depends on have
//! the values that Sellsy gives to a fresh record.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::seed::{Opportunity, Record, Staff, TaskLabel, Topic};
use super::store::pipelines::Pipelines;
use super::store::{Comment, Kind, PhoneCall, Related, RelatedKind, Store, Task};
use super::tasks::Reminder;

/// No rule depends on when a staff was created.
const STAFF_SINCE: Timestamp = Timestamp::constant(1_641_200_400, 0);

pub(super) fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

fn staff_ref(id: Option<u64>) -> Value {
    json!({"id": id, "type": "staff"})
}

/// An item of `/individuals`, `/companies` or `/contacts`.
pub(super) fn record(kind: Kind, record: &Record, zone: &TimeZone) -> Value {
    let common = json!({
        "id": record.id,
        "email": record.email,
        "website": record.website,
        "phone_number": record.phone_number,
        "mobile_number": record.mobile_number,
        "fax_number": record.fax_number,
        "note": record.note,
        "invoicing_address_id": null,
        "delivery_address_id": null,
        "created": local(record.created, zone),
        "is_archived": record.is_archived,
        "social": {"twitter": null, "facebook": null, "linkedin": null, "viadeo": null},
        "owner": staff_ref(record.owner_id),
        "marketing_campaigns_subscriptions": [],
        // Not in the documentation yet, but in every recorded answer.
        "rgpd_consent": {"email": false, "sms": false, "phone": false, "postal_mail": false, "custom": false},
    });
    let updated = local(record.updated(), zone);
    let own = match kind {
        Kind::Contact => json!({"position": record.position, "birth_date": null, "avatar": null, "updated": updated}),
        Kind::Individual | Kind::Company => json!({
            "type": record.kind_type,
            "reference": record.reference,
            "auxiliary_code": null,
            "accounting_code_id": null,
            "accounting_purchase_code_id": null,
            "main_contact_id": null,
            "dunning_contact_id": null,
            "invoicing_contact_id": null,
            "rate_category_id": null,
            "updated_at": updated,
        }),
    };
    let named = match kind {
        Kind::Company => json!({
            "name": record.name,
            "capital": null,
            "legal_france": {
                "siret": null, "siren": null, "vat": null, "ape_naf_code": null, "company_type": null,
                "rcs_immatriculation": null,
            },
            "business_segment": null,
            "number_of_employees": null,
        }),
        Kind::Individual | Kind::Contact => json!({
            "civility": record.civility,
            "first_name": record.first_name,
            "last_name": record.last_name,
            "sync": {"mailchimp": false, "mailjet": false, "simplemail": false},
        }),
    };
    merged([common, own, named])
}

/// A row of the global search, where absent numbers are empty strings.
pub(super) fn search_row(store: &Store, kind: Kind, record: &Record) -> Value {
    let sub_type = record.kind_type.map_or(json!("contact"), |kind_type| json!(kind_type));
    let hash = blake3::hash(format!("{} {}", kind.name(), record.id).as_bytes()).to_hex();
    let common = json!({
        "id": &hash[..32],
        "object": {"type": kind.name(), "sub_type": sub_type, "id": record.id},
        "owner": {"type": "staff", "id": record.owner_id},
        "created": utc(record.created),
        "updated": utc(record.updated()),
        "is_archived": record.is_archived,
        "phone_number": record.phone_number.as_deref().unwrap_or_default(),
        "mobile_number": record.mobile_number.as_deref().unwrap_or_default(),
        "fax_number": record.fax_number.as_deref().unwrap_or_default(),
        "email": record.email,
        "invoicing_address": null,
        "delivery_address": null,
    });
    let own = match kind {
        Kind::Company => json!({
            "name": record.name,
            "main_contact": null,
            "reference": record.reference.as_deref().unwrap_or_default(),
        }),
        Kind::Individual => json!({
            "first_name": record.first_name,
            "last_name": record.last_name,
            "reference": record.reference.as_deref().unwrap_or_default(),
        }),
        Kind::Contact => {
            let companies: Vec<_> =
                store.companies_of(record).map(|company| json!({"id": company.id, "name": company.name})).collect();
            json!({
                "first_name": record.first_name,
                "last_name": record.last_name,
                "position": record.position,
                "companies": companies,
            })
        }
    };
    let civility = record.civility.map_or(json!({}), |civility| json!({"civility": civility}));
    merged([common, own, civility])
}

pub(super) fn opportunity(opportunity: &Opportunity, pipelines: &Pipelines, zone: &TimeZone) -> Value {
    let place = opportunity.step.and_then(|step| pipelines.find(step));
    let customer = match (opportunity.company_id, opportunity.individual_id) {
        (Some(id), _) => json!({"id": id, "type": "company"}),
        (_, id) => json!({"id": id, "type": "individual"}),
    };
    let contacts = opportunity.contact_ids.iter().map(|id| json!({"id": id, "type": "contact"}));
    let related: Vec<_> = std::iter::once(customer).chain(contacts).collect();
    let contact_ids = if opportunity.contact_ids.is_empty() { Value::Null } else { json!(opportunity.contact_ids) };
    json!({
        "id": opportunity.id,
        "number": format!("OPP-{:05}", opportunity.id),
        "name": opportunity.name,
        "source": {"id": 31, "name": "Interne"},
        "due_date": opportunity.due_date,
        "created": local(opportunity.created, zone),
        "updated_status": opportunity.updated_status.map(|at| local(at, zone)),
        "status": opportunity.status,
        "amount": {"value": opportunity.amount, "currency": "EUR"},
        "pipeline": place.map(|(pipeline, _)| json!({"id": pipeline.id, "name": pipeline.name})),
        "step": place.map(|(_, step)| json!({"id": step.id, "name": step.name})),
        "probability": opportunity.probability,
        "note": opportunity.note,
        "owner": staff_ref(opportunity.owner_id),
        "assigned_staff_ids": null,
        "contact_ids": contact_ids,
        "company_id": opportunity.company_id,
        "individual_id": opportunity.individual_id,
        "main_doc_id": null,
        "related": related,
    })
}

pub(super) fn staff(staff: &Staff, zone: &TimeZone) -> Value {
    json!({
        "id": staff.id,
        "lastname": staff.lastname,
        "firstname": staff.firstname,
        "email": staff.email,
        "avatar": null,
        "status": staff.status,
        "position": staff.position,
        "phone_number": staff.phone_number,
        "mobile_number": staff.mobile_number,
        "fax_number": null,
        "groups": null,
        "civility": null,
        "created": local(STAFF_SINCE, zone),
        "profile": 1,
        "team": null,
        "job": null,
        "timezone": zone.iana_name(),
        "language": "fr",
    })
}

pub(super) fn phone_call(call: &PhoneCall, description: Option<&str>, zone: &TimeZone, topics: &[Topic]) -> Value {
    let related_id = |kind| call.related.iter().find(|related| related.kind == kind).map(|related| related.id);
    let topic = topics.iter().find(|topic| Some(topic.id) == call.topic);
    let topic = topic.map_or(json!({}), |topic| json!({"topic": {"id": topic.id, "name": topic.name}}));
    let item = json!({
        "id": call.id,
        "owner": staff_ref(Some(call.owner_id)),
        "source": call.source,
        "description": description,
        "updated": local(call.updated, zone),
        "created": local(call.created, zone),
        "duration": call.duration,
        "date": local(call.date, zone),
        "result": {"id": call.result, "name": result_name(&call.result)},
        "related": call.related,
        "company_id": related_id(RelatedKind::Company),
        "individual_id": related_id(RelatedKind::Individual),
        "contact_id": related_id(RelatedKind::Contact),
        "priority": call.priority,
    });
    merged([item, topic])
}

fn result_name(id: &str) -> &'static str {
    match id {
        "noanswer" => "Pas de réponse",
        "busy" => "Occupé",
        "wrongnumber" => "Mauvais numéro",
        "msgdirect" => "Message laissé à un tiers",
        "msgvocal" => "Message vocal",
        "connected" => "Appel abouti",
        "transfer" => "Transféré",
        "interrupt" => "Interrompu",
        "scheduled" => "Appel planifié",
        _ => "Inconnu",
    }
}

pub(super) fn comment(comment: &Comment, description: &str, zone: &TimeZone) -> Value {
    let related_id = |kind| comment.related.iter().find(|related: &&Related| related.kind == kind).map(|r| r.id);
    json!({
        "id": comment.id,
        "owner": staff_ref(Some(comment.owner_id)),
        "description": description,
        "created": local(comment.created, zone),
        "updated": local(comment.updated, zone),
        "parent_id": comment.parent_id,
        "related": comment.related,
        "company_id": related_id(RelatedKind::Company),
        "individual_id": related_id(RelatedKind::Individual),
        "contact_id": related_id(RelatedKind::Contact),
    })
}

/// Only the related record itself is linked: which company Sellsy shows for an opportunity's task is not documented.
pub(super) fn task(task: &Task, description: Option<&str>, zone: &TimeZone, labels: &[TaskLabel]) -> Value {
    let related_id = |kind| task.related.iter().find(|related| related.kind == kind).map(|related| related.id);
    let reminder = |reminder: &Reminder| {
        json!({
            "medium": reminder.medium,
            "delay": reminder.delay,
            "send_at": local(reminder.send_at(task.due_date, zone), zone),
        })
    };
    json!({
        "id": task.id,
        "title": task.title,
        "description": description,
        "status": task.status,
        "is_private": task.is_private,
        "due_date": local(task.due_date, zone),
        "assigned_staff_ids": task.assigned_staff_ids,
        "label": labels.iter().find(|label| label.id == task.label_id),
        "updated": local(task.updated, zone),
        "created": local(task.created, zone),
        "reminders": task.reminders.iter().map(reminder).collect::<Vec<_>>(),
        "related": task.related,
        "owner": staff_ref(Some(task.owner_id)),
        "company_id": related_id(RelatedKind::Company),
        "individual_id": related_id(RelatedKind::Individual),
        "contact_id": related_id(RelatedKind::Contact),
        "priority": task.priority,
    })
}

fn merged<const N: usize>(parts: [Value; N]) -> Value {
    let maps = parts.into_iter().filter_map(|part| match part {
        Value::Object(map) => Some(map),
        _ => None,
    });
    Value::Object(maps.flatten().collect())
}
