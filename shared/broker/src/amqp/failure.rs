//! Errors of the broker; all of them are retried.

use base::error::{Code, Error};

pub fn unavailable(problem: impl Into<String>) -> Error {
    Error::retry(Code::BrokerUnavailable, problem)
}

/// Converts lapin's error.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn broker_error(e: lapin::Error) -> Error {
    unavailable(e.to_string())
}
