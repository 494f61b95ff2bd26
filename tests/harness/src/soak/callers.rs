//! The callers, and where Sellsy should show their calls. Written by hand from the people in `sandbox/data/account.toml` and the
//! match rules in the README, so that the expectation does not depend on the resolver's code.

/// A person whose calls are logged.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub number: &'static str,
    pub kind: &'static str,
    pub id: i64,
    pub company: Option<i64>,
    pub opportunity: Option<i64>,
    /// The owner of the log if the agent has no staff account in Sellsy.
    pub owner: i64,
}

const fn person(number: &'static str, id: i64, opportunity: Option<i64>, owner: i64) -> Caller {
    Caller { number, kind: "individual", id, company: None, opportunity, owner }
}

const fn company(number: &'static str, id: i64, opportunity: Option<i64>, owner: i64) -> Caller {
    Caller { number, kind: "company", id, company: None, opportunity, owner }
}

const fn contact(number: &'static str, id: i64, company: Option<i64>, opportunity: Option<i64>, owner: i64) -> Caller {
    Caller { number, kind: "contact", id, company, opportunity, owner }
}

pub const CALLERS: [Caller; 25] = [
    person("+33 6 39 98 41 07", 2001, Some(6001), 101),
    person("+33 6 39 98 00 02", 2002, Some(6002), 102),
    person("+33 6 39 98 00 03", 2003, None, 101),
    // Two individuals have this number.
    person("+33 6 39 98 00 04", 2004, Some(6003), 102),
    // A company and a contact have this number.
    person("+33 1 99 00 20 20", 2006, None, 101),
    // A supplier.
    person("+33 2 61 91 00 09", 2009, None, 103),
    // All its opportunities are closed.
    person("+33 6 39 98 00 10", 2010, None, 101),
    // Three opportunities are open.
    person("+33 6 39 98 00 11", 2011, Some(6011), 102),
    person("+41 22 555 01 12", 2012, None, 101),
    person("+32 470 55 01 13", 2013, None, 102),
    person("+44 7700 900014", 2014, None, 101),
    person("+44 20 7946 0014", 2014, None, 101),
    company("+33 1 99 00 30 01", 3001, Some(6102), 101),
    company("+33 1 99 00 30 02", 3002, Some(6103), 102),
    // A supplier.
    company("+33 3 53 01 30 03", 3003, None, 103),
    company("+32 2 555 01 06", 3006, Some(6106), 101),
    company("+44 20 7946 0307", 3007, None, 104),
    // An archived individual also has this number.
    company("+33 4 65 71 00 08", 3008, Some(6107), 102),
    // A contact also has it.
    company("+33 5 36 49 30 09", 3009, None, 103),
    contact("+33 6 39 98 40 01", 4001, Some(3001), Some(6102), 101),
    // A contact of two companies.
    contact("+33 6 39 98 40 02", 4002, Some(3002), Some(6103), 102),
    contact("+33 6 39 98 40 03", 4003, None, None, 101),
    // A contact of a supplier.
    contact("+33 3 53 01 40 04", 4004, Some(3003), None, 103),
    // A contact linked to an individual only.
    contact("+33 6 39 98 40 07", 4007, None, None, 101),
    contact("+33 6 39 98 27 64", 4008, Some(3007), None, 104),
];

/// Only archived records have these.
pub const ARCHIVED: [&str; 3] = ["+33 6 39 98 00 07", "+33 1 99 00 30 04", "+33 6 39 98 40 06"];

/// Aircall's agents, each with the Sellsy staff that has the same e-mail.
pub const AGENTS: [(i64, Option<i64>); 4] = [(501, Some(101)), (502, Some(102)), (503, Some(103)), (504, None)];
