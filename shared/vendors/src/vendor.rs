//! What differs between the two APIs in name only: what people call them, and the codes of their failures.

use base::{error::Code, ids::Vendor};

/// A vendor as people and errors name it.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) budget: Code,
    pub(crate) credential: Code,
    pub(crate) rate_limited: Code,
    pub(crate) unavailable: Code,
    pub(crate) rejected: Code,
    pub(crate) answer: Code,
}

pub(crate) fn named(vendor: Vendor) -> &'static Named {
    match vendor {
        Vendor::Aircall => &AIRCALL,
        Vendor::Sellsy => &SELLSY,
    }
}

static AIRCALL: Named = Named {
    name: "Aircall",
    budget: Code::AircallBudget,
    credential: Code::AircallCredential,
    rate_limited: Code::AircallRateLimited,
    unavailable: Code::AircallUnavailable,
    rejected: Code::AircallRejected,
    answer: Code::AircallAnswer,
};

static SELLSY: Named = Named {
    name: "Sellsy",
    budget: Code::SellsyBudget,
    credential: Code::SellsyCredential,
    rate_limited: Code::SellsyRateLimited,
    unavailable: Code::SellsyUnavailable,
    rejected: Code::SellsyRejected,
    answer: Code::SellsyAnswer,
};
