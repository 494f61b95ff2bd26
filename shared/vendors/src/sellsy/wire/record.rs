//! Individuals, companies, contacts, opportunities, and the rows of the global search that point to them.
//!
//! Only its id is needed of a row: an owner, a number or a time that cannot be read is none, because the record is worth more
//! than one of its fields.

use base::ids::Kind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tolerant::{self, discreet_debug, open_enum};

open_enum! {
    /// The kind of an object, as in `related`, in `owner` and in search rows.
    RecordKind {
        Individual = "individual",
        Company = "company",
        Contact = "contact",
        Opportunity = "opportunity",
        Staff = "staff",
    }
}

impl RecordKind {
    /// `None` if it is no record of a customer.
    pub fn of_record(&self) -> Option<Kind> {
        match self {
            Self::Individual => Some(Kind::Individual),
            Self::Company => Some(Kind::Company),
            Self::Contact => Some(Kind::Contact),
            _ => None,
        }
    }
}

open_enum! {
    /// The relation of an individual or a company to the account; exactly one at a time. Contacts have none.
    ThirdKind {
        Prospect = "prospect",
        Client = "client",
        Supplier = "supplier",
    }
}

open_enum! {
    OpportunityStatus {
        Open = "open",
        Won = "won",
        Lost = "lost",
        Cancelled = "cancelled",
        Closed = "closed",
        Late = "late",
    }
}

/// An object by kind and id: an entry of `related`, an `owner`. Ids are unique only per account and kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Related {
    #[serde(rename = "type")]
    pub kind: RecordKind,
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
}

/// An object with an id and a name: a pipeline, a step, a company in a search row.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Named {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub name: Option<String>,
}

/// A company of a contact, in a search row.
pub type Linked = Named;

/// A row of `GET /search`.
#[derive(Clone, PartialEq, Deserialize)]
pub struct SearchRow {
    /// A hash that is useless elsewhere: the record's id is `object.id`.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub id: Option<String>,
    pub object: SearchObject,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub owner: Option<Related>,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub updated: Option<Timestamp>,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub is_archived: bool,
    /// Companies only.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub civility: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub first_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub last_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub phone_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub mobile_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub fax_number: Option<String>,
    /// Contacts only.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub position: Option<String>,
    /// Contacts only, in Sellsy's order.
    #[serde(default, deserialize_with = "tolerant::lenient::list")]
    pub companies: Vec<Linked>,
}

/// The record behind a search row.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SearchObject {
    #[serde(rename = "type")]
    pub kind: RecordKind,
    /// For individuals and companies `client`, `prospect` or `supplier`; for others their kind again.
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub sub_type: Option<ThirdKind>,
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
}

/// A private person who is a client, prospect or supplier.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Individual {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(rename = "type", default, deserialize_with = "tolerant::lenient::opt")]
    pub kind: Option<ThirdKind>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub civility: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub first_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub last_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub phone_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub mobile_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub fax_number: Option<String>,
    /// What the account calls it; ours name the call.
    #[serde(default, deserialize_with = "tolerant::lenient::text", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub owner: Option<Related>,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub is_archived: bool,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub updated_at: Option<Timestamp>,
}

/// The body of `POST /individuals`.
#[derive(Clone, PartialEq, Serialize)]
pub struct IndividualCreate {
    #[serde(rename = "type")]
    pub kind: ThirdKind,
    pub last_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    pub owner_id: i64,
    /// By which it is found again; `POST /individuals/search` filters by it.
    pub reference: String,
    pub note: String,
}

/// A company that is a client, prospect or supplier.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Company {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(rename = "type", default, deserialize_with = "tolerant::lenient::opt")]
    pub kind: Option<ThirdKind>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub phone_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub mobile_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub fax_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub main_contact_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub owner: Option<Related>,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub is_archived: bool,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub updated_at: Option<Timestamp>,
}

/// A person at one or more companies, which `/contacts/{id}/companies` lists.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub civility: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub first_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub last_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub position: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub phone_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub mobile_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub fax_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub owner: Option<Related>,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub is_archived: bool,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    /// Individuals and companies call it `updated_at`.
    #[serde(default, with = "tolerant::time")]
    pub updated: Option<Timestamp>,
}

macro_rules! phones {
    ($($name:ident)+) => {
        $(impl $name {
            /// The phone numbers as people typed them, without the fax number.
            pub fn phones(&self) -> impl Iterator<Item = &str> {
                [&self.phone_number, &self.mobile_number].into_iter().filter_map(|phone| phone.as_deref())
            }
        })+
    };
}
phones! { SearchRow Individual Company Contact }

/// A sale in the making.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Opportunity {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    /// `OPP-00003`.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub status: Option<OpportunityStatus>,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    /// When the status last changed. Sellsy does not give the time of other changes.
    #[serde(default, with = "tolerant::time")]
    pub updated_status: Option<Timestamp>,
    /// A date without time.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub due_date: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub amount: Option<Amount>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub pipeline: Option<Named>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub step: Option<Named>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub owner: Option<Related>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub company_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub individual_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::lenient::ids")]
    pub contact_ids: Vec<i64>,
    #[serde(default, deserialize_with = "tolerant::lenient::list")]
    pub related: Vec<Related>,
}

/// A price.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// A decimal number as text: `1200.00`.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub value: Option<String>,
    /// ISO 4217: `EUR`.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub currency: Option<String>,
}

discreet_debug! {
    Named { id }
    SearchRow { object, is_archived }
    Individual { id, kind, is_archived }
    IndividualCreate { kind, owner_id, reference }
    Company { id, kind, is_archived }
    Contact { id, is_archived }
    Opportunity { id, status, created }
}
