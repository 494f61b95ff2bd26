//! A broker that does not do what it was asked, as an error that says so.

use base::error::{Code, Error};

pub fn unavailable(problem: impl Into<String>) -> Error {
    Error::retry(Code::BrokerUnavailable, problem)
}

/// What lapin says went wrong.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn failed(e: lapin::Error) -> Error {
    unavailable(e.to_string())
}
