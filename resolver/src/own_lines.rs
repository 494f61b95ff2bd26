//! The company's own numbers, for the rule about calls between two of them.
//!
//! They are read once and kept for hours: a line is rarely added. If they cannot be read, those that were read before are used. Without
//! any, the decision waits, because it would be a wrong one; only if Aircall refuses for good is the rule passed over.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

use base::{
    error::{Remedy, Result},
    phone::{self, E164},
};
use tokio::sync::Mutex;
use vendors::aircall::{Aircall, wire::Number};

const KEEP: Duration = Duration::from_secs(6 * 3600);
const KEEP_AFTER_FAILURE: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub struct OwnLines(Arc<Inner>);

struct Inner {
    aircall: Aircall,
    known: StdMutex<Known>,
    /// Held while they are being read.
    reading: Mutex<()>,
}

#[derive(Default)]
struct Known {
    lines: Option<Arc<HashSet<E164>>>,
    until: Option<Instant>,
}

impl OwnLines {
    pub fn new(aircall: Aircall) -> Self {
        Self(Arc::new(Inner { aircall, known: StdMutex::default(), reading: Mutex::default() }))
    }

    pub(crate) async fn have(&self, number: &E164) -> Result<bool> {
        Ok(self.lines().await?.contains(number))
    }

    fn known<T>(&self, of: impl FnOnce(&mut Known) -> T) -> T {
        of(&mut self.0.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn lines(&self) -> Result<Arc<HashSet<E164>>> {
        if let Some(lines) = self.known(|known| known.fresh()) {
            return Ok(lines);
        }
        let _reading = self.0.reading.lock().await;
        // Somebody else has read them meanwhile.
        if let Some(lines) = self.known(|known| known.fresh()) {
            return Ok(lines);
        }
        match (self.0.aircall.numbers().await, self.known(|known| known.lines.clone())) {
            (Ok(numbers), _) => Ok(self.known(|known| known.take(numbers_of(&numbers), KEEP))),
            (Err(e), Some(old)) => {
                tracing::warn!(error = %e, "The company's numbers cannot be read; those that were read before are used.");
                self.known(|known| known.until = Instant::now().checked_add(KEEP_AFTER_FAILURE));
                Ok(old)
            }
            (Err(e), None) if e.remedy == Remedy::Park => {
                tracing::warn!(error = %e, "The company's numbers cannot be read: calls between two of them are logged like all others.");
                Ok(self.known(|known| known.take(HashSet::new(), KEEP_AFTER_FAILURE)))
            }
            (Err(e), None) => Err(e),
        }
    }
}

impl Known {
    fn fresh(&self) -> Option<Arc<HashSet<E164>>> {
        self.until.filter(|until| *until > Instant::now()).and_then(|_| self.lines.clone())
    }

    fn take(&mut self, lines: HashSet<E164>, keep: Duration) -> Arc<HashSet<E164>> {
        self.until = Instant::now().checked_add(keep);
        self.lines.insert(Arc::new(lines)).clone()
    }
}

/// What these lines' numbers are.
pub fn numbers_of(lines: &[Number]) -> HashSet<E164> {
    let number = |line: &Number| {
        let region = line.country.as_deref().and_then(|country| country.parse().ok()).unwrap_or_default();
        phone::parse(line.e164_digits.as_deref().or(line.digits.as_deref())?, region)
    };
    lines.iter().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_its_number_however_it_is_written() {
        let line = |digits: Option<&str>, e164: Option<&str>, country: &str| Number {
            digits: digits.map(str::to_owned),
            e164_digits: e164.map(str::to_owned),
            country: Some(country.to_owned()),
            ..Number::default()
        };
        let lines = [
            line(Some("+33 1 99 00 10 01"), None, "FR"),
            line(Some("020 7946 0103"), None, "GB"),
            line(None, Some("+33199001002"), "FR"),
            line(Some("?"), None, "FR"),
            line(None, None, "FR"),
        ];
        let expected = ["+33199001001", "+442079460103", "+33199001002"].map(|number| number.parse().unwrap());
        assert_eq!(numbers_of(&lines), HashSet::from(expected));
    }
}
