//! For whom a page is rendered, and what they may do.

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::texts::{Lang, Texts};
use crate::access::Role;

/// Who requests the page, and how to render it for them.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) lang: Lang,
    /// The CSRF token for every form; empty for programs, which have no session.
    pub(super) csrf: String,
    /// Path and query of this page.
    pub(super) address: String,
    pub(super) zone: TimeZone,
    /// `None` before signing in.
    pub(super) person: Option<Person>,
    /// A program that wants JSON.
    pub(super) json: bool,
}

impl Visitor {
    pub(super) fn texts(&self) -> &'static Texts {
        self.lang.texts()
    }

    /// Whether this person has that role, or a higher one.
    pub(super) fn may(&self, role: Role) -> bool {
        self.person.as_ref().is_some_and(|person| person.role >= role)
    }

    /// Who acts, for the story of a call.
    pub(super) fn name(&self) -> &str {
        self.person.as_ref().map_or("console", |person| person.name.as_str())
    }

    /// The hidden field that every form needs.
    pub(super) fn token(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// This page in another language.
    pub(super) fn in_language(&self, lang: Lang) -> String {
        let (path, query) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let mut kept = form_urlencoded::Serializer::new(String::new());
        kept.extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "lang"));
        format!("{path}?{}", kept.append_pair("lang", lang.code()).finish())
    }
}

/// Who signed in by the password, and typed no name.
pub(super) const UNNAMED: &str = "password";

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Password,
    Proxy,
    Oidc,
    Token,
}

impl Way {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Way::Password => "password",
            Way::Proxy => "proxy",
            Way::Oidc => "oidc",
            Way::Token => "token",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        [Way::Proxy, Way::Oidc, Way::Token].into_iter().find(|way| way.as_str() == text).unwrap_or(Way::Password)
    }
}

/// Who uses the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) way: Way,
}

/// In a response: why nothing was done, what has failed, or what came of it.
#[derive(Clone, Debug)]
pub(super) struct Said(pub(super) String);
