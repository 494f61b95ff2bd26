//! The fields of a write to an individual, each checked against the documentation and against the account's records.
//!
//! Fields that the documentation does not know are ignored, because its schema is open; for `PUT`, the type and the date of
//! creation are among them. Some documented fields are checked but not kept, because no rule depends on them: codes,
//! categories, social networks, subscriptions, synchronisations. Whether a last name can be empty is not documented: here it
//! cannot. An owner that is null is the staff for whom the API client acts.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sellsy::body::{self, NOT_A_CHOICE, Reader, set};
use crate::sellsy::errors::Error;
use crate::sellsy::seed::{Civility, Record, Type};
use crate::sellsy::store::Store;

const REQUIRED: [&str; 2] = ["type", "last_name"];
const LONGEST_NAME: usize = 200;
const CAMPAIGNS: [&str; 5] = ["sms", "phone", "email", "postal_mail", "custom"];

#[derive(Debug, Default)]
pub(super) struct Changes {
    kind_type: Option<Type>,
    civility: Option<Option<Civility>>,
    first_name: Option<Option<String>>,
    last_name: Option<String>,
    email: Option<Option<String>>,
    website: Option<Option<String>>,
    phone_number: Option<Option<String>>,
    mobile_number: Option<Option<String>>,
    fax_number: Option<Option<String>>,
    reference: Option<Option<String>>,
    note: Option<String>,
    owner_id: Option<Option<u64>>,
    is_archived: Option<bool>,
    created: Option<Timestamp>,
}

impl Changes {
    pub(super) fn of_post(body: &Map<String, Value>, store: &Store) -> Result<Changes, Error> {
        let mut read = Reader::new(body, &REQUIRED);
        let kind_type = read.field("type", body::choice);
        let created = read.field("created", body::date);
        let changes = Changes { kind_type, created, ..Changes::read(&mut read, store) };
        read.into_result()?;
        Ok(changes)
    }

    pub(super) fn of_put(body: &Map<String, Value>, store: &Store) -> Result<Changes, Error> {
        let mut read = Reader::new(body, &[]);
        let changes = Changes::read(&mut read, store);
        read.into_result()?;
        Ok(changes)
    }

    fn read(read: &mut Reader<'_>, store: &Store) -> Changes {
        check_others(read);
        Changes {
            civility: read.field("civility", body::or_null(body::choice)),
            first_name: read.field("first_name", body::or_null(name)),
            last_name: read.field("last_name", |value| {
                name(value).and_then(|name| if name.trim().is_empty() { Err("Ce champ est vide") } else { Ok(name) })
            }),
            email: read.field("email", body::or_null(email)),
            website: read.field("website", body::or_null(address)),
            phone_number: read.field("phone_number", body::text_or_null),
            mobile_number: read.field("mobile_number", body::text_or_null),
            fax_number: read.field("fax_number", body::text_or_null),
            reference: read.field("reference", body::text_or_null),
            note: read.field("note", body::text),
            owner_id: read.field("owner_id", body::or_null(|value| body::staff(value, store))),
            is_archived: read.field("is_archived", body::flag),
            kind_type: None,
            created: None,
        }
    }

    pub(super) fn apply(self, record: &mut Record) {
        record.kind_type = self.kind_type.or(record.kind_type);
        record.last_name = self.last_name.or(record.last_name.take());
        set(&mut record.civility, self.civility);
        set(&mut record.first_name, self.first_name);
        set(&mut record.email, self.email);
        set(&mut record.website, self.website);
        set(&mut record.phone_number, self.phone_number);
        set(&mut record.mobile_number, self.mobile_number);
        set(&mut record.fax_number, self.fax_number);
        set(&mut record.reference, self.reference);
        set(&mut record.note, self.note);
        set(&mut record.owner_id, self.owner_id);
        set(&mut record.is_archived, self.is_archived);
        set(&mut record.created, self.created);
    }
}

/// The documented fields that are not kept.
fn check_others(read: &mut Reader<'_>) {
    read.field("auxiliary_code", body::text_or_null);
    for number in ["rate_category_id", "accounting_code_id", "accounting_purchase_code_id"] {
        read.field(number, body::or_null(body::integer));
    }
    read.field("marketing_campaigns_subscriptions", campaigns);
    read.field("social", |value| {
        ["twitter", "facebook", "linkedin", "viadeo"].iter().try_for_each(|key| {
            part(value, key)?.map_or(Ok(()), |address_of| body::or_null(address)(address_of).map(drop))
        })
    });
    read.field("sync", |value| {
        ["mailchimp", "mailjet", "simplemail"]
            .iter()
            .try_for_each(|key| part(value, key)?.map_or(Ok(()), |is_on| body::flag(is_on).map(drop)))
    });
}

/// A field of an object, if it is there.
fn part<'a>(value: &'a Value, key: &str) -> Result<Option<&'a Value>, &'static str> {
    value.as_object().map(|object| object.get(key)).ok_or("Cette valeur doit être un objet")
}

fn campaigns(value: &Value) -> Result<(), &'static str> {
    let names = value.as_array().ok_or("Cette valeur doit être une liste")?;
    let known = |name: &Value| name.as_str().is_some_and(|name| CAMPAIGNS.contains(&name));
    let twice = names.iter().enumerate().any(|(n, name)| names[..n].contains(name));
    if twice || !names.iter().all(known) { Err(NOT_A_CHOICE) } else { Ok(()) }
}

fn name(value: &Value) -> Result<String, &'static str> {
    let name = body::text(value)?;
    if name.chars().count() > LONGEST_NAME { Err("Cette chaîne est trop longue") } else { Ok(name) }
}

/// Only what no address can be is refused.
fn email(value: &Value) -> Result<String, &'static str> {
    let email = body::text(value)?;
    let parts = email.split_once('@').filter(|_| !email.contains(char::is_whitespace));
    let good = parts.is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.') && !host.contains('@')
    });
    if good { Ok(email) } else { Err("Cette valeur n'est pas une adresse e-mail") }
}

fn address(value: &Value) -> Result<String, &'static str> {
    let address = body::text(value)?;
    let good = ["http://", "https://"].iter().any(|scheme| address.starts_with(scheme));
    if good { Ok(address) } else { Err("Cette valeur n'est pas une URL") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        let check = |text: &str, good: bool| assert_eq!(email(&json!(text)).is_ok(), good, "{text}");
        check("camille.moreau@example.com", true);
        check("camille+devis@mail.example.com", true);
        check("camille", false);
        check("@example.com", false);
        check("camille@example", false);
        check("camille@moreau@example.com", false);
        check("camille moreau@example.com", false);
        check("", false);
        assert!(address(&json!("https://example.com")).is_ok() && address(&json!("example.com")).is_err());
    }
}
