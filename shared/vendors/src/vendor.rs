//! The name and the error codes of each API.

use base::{error::Code, ids::Vendor};

/// A vendor's name for people, and its error codes.
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) budget: Code,
    pub(crate) credential: Code,
    pub(crate) rate_limited: Code,
    pub(crate) unavailable: Code,
    pub(crate) rejected: Code,
    pub(crate) answer: Code,
    /// An error answer of the API itself has one of these fields.
    pub(crate) error_fields: &'static [&'static str],
}

pub(crate) fn profile(vendor: Vendor) -> &'static Profile {
    match vendor {
        Vendor::Aircall => &AIRCALL,
        Vendor::Sellsy => &SELLSY,
    }
}

/// The name under which the API with this error code is a condition of a worker's readiness.
pub fn condition_of(unavailable: Code) -> Option<&'static str> {
    [&AIRCALL, &SELLSY].into_iter().find(|profile| profile.unavailable == unavailable).map(|profile| profile.name)
}

static AIRCALL: Profile = Profile {
    name: "Aircall",
    budget: Code::AircallBudget,
    credential: Code::AircallCredential,
    rate_limited: Code::AircallRateLimited,
    unavailable: Code::AircallUnavailable,
    rejected: Code::AircallRejected,
    answer: Code::AircallAnswer,
    error_fields: &["error", "message"],
};

static SELLSY: Profile = Profile {
    name: "Sellsy",
    budget: Code::SellsyBudget,
    credential: Code::SellsyCredential,
    rate_limited: Code::SellsyRateLimited,
    unavailable: Code::SellsyUnavailable,
    rejected: Code::SellsyRejected,
    answer: Code::SellsyAnswer,
    error_fields: &["error"],
};
