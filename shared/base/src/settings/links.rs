//! Addresses of Sellsy's web pages, for links that people follow.
//!
//! Sellsy does not document them. The defaults are what others' working code uses; where an account has other ones, a setting
//! replaces them.

use std::str::FromStr;

use crate::ids::Kind;

/// A pattern for each kind of page. `{id}` stands for the object's id, `{type}` for client, prospect or supplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    individual: String,
    company: String,
    contact: String,
    opportunity: String,
}

impl Default for Links {
    fn default() -> Self {
        let page = |path: &str| format!("https://www.sellsy.com/{path}");
        Self {
            individual: page("thirds/{type}/{id}"),
            company: page("thirds/{type}/{id}"),
            contact: page("peoples/{id}"),
            opportunity: page("prospection/opportunities/{id}"),
        }
    }
}

impl Links {
    /// The page of a record. `third_type` is Sellsy's type of an individual or a company; contacts have none.
    pub fn record(&self, kind: Kind, third_type: Option<&str>, id: i64) -> String {
        let pattern = match kind {
            Kind::Individual => &self.individual,
            Kind::Company => &self.company,
            Kind::Contact => &self.contact,
        };
        filled(pattern, third_type, id)
    }

    pub fn opportunity(&self, id: i64) -> String {
        filled(&self.opportunity, None, id)
    }
}

/// The page of a call in Aircall's Dashboard: `{id}` stands for the call's id. Aircall does not document it either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLink(Option<String>);

impl CallLink {
    pub const NONE: Self = Self(None);
    pub const DEFAULT: &str = "https://dashboard.aircall.io/calls/{id}/timeline";

    /// `None` if logs are to have no link.
    pub fn of(&self, call_id: i64) -> Option<String> {
        self.0.as_deref().map(|pattern| filled(pattern, None, call_id))
    }
}

/// An empty text: no link.
impl FromStr for CallLink {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.trim() {
            "" => Ok(Self(None)),
            pattern if is_pattern(pattern) => Ok(Self(Some(pattern.to_owned()))),
            _ => Err(()),
        }
    }
}

/// An address of the web with a place for an id.
fn is_pattern(address: &str) -> bool {
    let url = reqwest::Url::parse(&filled(address, None, 1));
    address.contains("{id}") && url.is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

/// A record without a type that is known is most likely a client's.
fn filled(pattern: &str, third_type: Option<&str>, id: i64) -> String {
    pattern.replace("{type}", third_type.unwrap_or("client")).replace("{id}", &id.to_string())
}

/// Why a text is no table of links.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("`{0}` is none of individual=, company=, contact= and opportunity=")]
    Name(String),
    #[error("the address of {0} must begin with https:// or http:// and have {{id}} in it")]
    Address(&'static str),
}

/// `contact=https://…/{id}, opportunity=https://…/{id}`, with commas or line breaks between them. What is not named keeps its default.
impl FromStr for Links {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let mut links = Self::default();
        for entry in text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
            let wrong = || Wrong::Name(entry.chars().take(30).collect());
            let (name, address) = entry.split_once('=').ok_or_else(wrong)?;
            let (name, link) = match name.trim() {
                "individual" => ("individual", &mut links.individual),
                "company" => ("company", &mut links.company),
                "contact" => ("contact", &mut links.contact),
                "opportunity" => ("opportunity", &mut links.opportunity),
                _ => return Err(wrong()),
            };
            let address = address.trim();
            if !is_pattern(address) {
                return Err(Wrong::Address(name));
            }
            *link = address.to_owned();
        }
        Ok(links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_has_its_page() {
        let links = Links::default();
        for (kind, third_type, expected) in [
            (Kind::Individual, Some("client"), "https://www.sellsy.com/thirds/client/7"),
            (Kind::Individual, None, "https://www.sellsy.com/thirds/client/7"),
            (Kind::Company, Some("prospect"), "https://www.sellsy.com/thirds/prospect/7"),
            (Kind::Company, Some("supplier"), "https://www.sellsy.com/thirds/supplier/7"),
            (Kind::Contact, None, "https://www.sellsy.com/peoples/7"),
        ] {
            assert_eq!(links.record(kind, third_type, 7), expected);
        }
        assert_eq!(links.opportunity(12), "https://www.sellsy.com/prospection/opportunities/12");
    }

    #[test]
    fn a_call_has_its_page_in_the_dashboard_or_none() {
        let link = |text: &str| text.parse::<CallLink>().map(|link| link.of(7));
        for (text, expected) in [
            (CallLink::DEFAULT, Ok(Some("https://dashboard.aircall.io/calls/7/timeline".to_owned()))),
            (" https://phone.example/{id} ", Ok(Some("https://phone.example/7".to_owned()))),
            ("", Ok(None)),
            ("https://phone.example/", Err(())),
            ("phone.example/{id}", Err(())),
            ("javascript:{id}", Err(())),
        ] {
            assert_eq!(link(text), expected, "{text}");
        }
    }

    #[test]
    fn a_setting_replaces_what_it_names() {
        let links: Links =
            "contact = https://crm.example/c?id={id},\n company=https://crm.example/{type}/{id}".parse().unwrap();
        assert_eq!(links.record(Kind::Contact, None, 7), "https://crm.example/c?id=7");
        assert_eq!(links.record(Kind::Company, Some("prospect"), 7), "https://crm.example/prospect/7");
        assert_eq!(links.opportunity(12), Links::default().opportunity(12));
        assert_eq!("".parse(), Ok(Links::default()));
        for (text, why) in [
            ("https://www.sellsy.com", "`https://www.sellsy.com` is none of"),
            ("person=https://crm.example/{id}", "`person=https://crm.example/{id`"),
            ("contact=https://crm.example", "the address of contact must begin with"),
            ("contact=crm.example/{id}", "the address of contact must begin with"),
            ("contact=javascript:{id}", "the address of contact must begin with"),
        ] {
            let wrong = text.parse::<Links>().unwrap_err().to_string();
            assert!(wrong.starts_with(why), "{text}: {wrong}");
        }
    }
}
