//! The scopes that a Sellsy API client needs, and the request by which it shows whether it has one.
//!
//! Sellsy has no endpoint that lists what a client was granted; a request without its scope is answered with 403. Each
//! request here is the cheapest one that needs the scope. For writing it is a change of something that is not there,
//! which is answered with 404 (or 400), so that nothing is ever written.

use reqwest::Method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Accounts,
    Individuals,
    Companies,
    Contacts,
    Search,
    Opportunities,
    Staffs,
    ReadPhoneCalls,
    WritePhoneCalls,
    ReadComments,
    WriteComments,
}

impl Scope {
    /// What no installation can do without.
    pub const NEEDED: [Scope; 8] = [
        Scope::Individuals,
        Scope::Companies,
        Scope::Contacts,
        Scope::Search,
        Scope::Opportunities,
        Scope::Staffs,
        Scope::ReadPhoneCalls,
        Scope::WritePhoneCalls,
    ];
    /// With `LOG_FALLBACK=comment` besides.
    pub const FOR_COMMENTS: [Scope; 2] = [Scope::ReadComments, Scope::WriteComments];

    /// As Sellsy's developer portal names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Accounts => "accounts.read",
            Scope::Individuals => "individuals.read",
            Scope::Companies => "companies.read",
            Scope::Contacts => "contacts.read",
            Scope::Search => "search.read",
            Scope::Opportunities => "opportunities.read",
            Scope::Staffs => "staffs.read",
            Scope::ReadPhoneCalls => "phonecalls.read",
            Scope::WritePhoneCalls => "phonecalls.write",
            Scope::ReadComments => "comments.read",
            Scope::WriteComments => "comments.write",
        }
    }

    /// Method, name of the endpoint, path.
    pub(super) fn request(self) -> (Method, &'static str, &'static str) {
        match self {
            Scope::Accounts => (Method::GET, "GET /quotas", "/quotas"),
            Scope::Individuals => (Method::POST, "POST /individuals/search", "/individuals/search"),
            Scope::Companies => (Method::POST, "POST /companies/search", "/companies/search"),
            Scope::Contacts => (Method::POST, "POST /contacts/search", "/contacts/search"),
            Scope::Search => (Method::GET, "GET /search", "/search"),
            Scope::Opportunities => (Method::POST, "POST /opportunities/search", "/opportunities/search"),
            Scope::Staffs => (Method::GET, "GET /staffs", "/staffs"),
            Scope::ReadPhoneCalls => (Method::POST, "POST /phone-calls/search", "/phone-calls/search"),
            Scope::WritePhoneCalls => (Method::PUT, "PUT /phone-calls/{id}", "/phone-calls/999999999999"),
            Scope::ReadComments => (Method::POST, "POST /comments/search", "/comments/search"),
            Scope::WriteComments => (Method::PUT, "PUT /comments/{id}", "/comments/999999999999"),
        }
    }
}
