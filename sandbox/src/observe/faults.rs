//! The faults that a test or the demo has set, in a list that is replaced as a whole.
//!
//! A fault applies to a signed request if it matches, has not used up its `times`, and its roll is below `probability`. Latencies add
//! up; of the other faults, the first that applies hits the request. The rolls come from a fixed seed, so that the same
//! requests in the same order meet the same faults.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Api;
use super::answers::Named;
use crate::lock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Before,
    After,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// This answer, without handling the request; `handled`: instead of the vendor's own, as by a gateway that lost it.
    Status {
        status: u16,
        #[serde(default)]
        handled: bool,
        #[serde(default)]
        body: Value,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// One of [`super::answers`] by its name, without handling the request.
    Answer { name: Named },
    /// Handled as usual, after a delay.
    Latency { ms: u64 },
    /// No answer ever comes; `after`: although the vendor has handled the request.
    Hang { when: When },
    /// The connection breaks instead of an answer.
    Cut { when: When },
    /// The connection breaks, or with `hang` no answer ever comes, and the vendor handles the request so much later.
    Late {
        ms: u64,
        #[serde(default)]
        hang: bool,
    },
    /// 200 with JSON that is not the documented shape.
    WrongJson,
}

impl Action {
    pub fn name(&self) -> &'static str {
        match self {
            Action::Status { .. } => "status",
            Action::Answer { name } => name.name(),
            Action::Latency { .. } => "latency",
            Action::Hang { when: When::Before } => "hang before",
            Action::Hang { when: When::After } => "hang after",
            Action::Cut { when: When::Before } => "cut before",
            Action::Cut { when: When::After } => "cut after",
            Action::Late { .. } => "late",
            Action::WrongJson => "wrong_json",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Absent: both vendors.
    #[serde(default)]
    pub api: Option<Api>,
    /// Absent or `*`: any method.
    #[serde(default)]
    pub method: Option<String>,
    /// Exact, with `{id}` for any one segment, or `*` for every path.
    pub path: String,
    /// How often it may hit a request; absent: always.
    #[serde(default)]
    pub times: Option<u64>,
    #[serde(default = "always")]
    pub probability: f64,
    #[serde(rename = "do")]
    pub action: Action,
    /// How often it has hit a request; ignored when a client sends it.
    #[serde(default)]
    pub fired: u64,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    fn matches(&self, api: Api, method: &str, path: &str) -> bool {
        self.api.is_none_or(|wanted| wanted == api)
            && self.method.as_deref().is_none_or(|wanted| wanted == "*" || wanted.eq_ignore_ascii_case(method))
            && path_matches(&self.path, path)
            && self.times.is_none_or(|times| self.fired < times)
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let mut segments = path.split('/');
    let fits = pattern.split('/').all(|want| {
        segments.next().is_some_and(|is| want == is || (want.starts_with('{') && want.ends_with('}') && !is.is_empty()))
    });
    fits && segments.next().is_none()
}

/// What hits one request.
#[derive(Debug, Default, PartialEq)]
pub struct Strike {
    pub latency: Duration,
    pub action: Option<Action>,
}

#[derive(Debug, Default)]
pub struct Faults(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    list: Vec<Fault>,
    dice: u64,
}

impl Faults {
    pub fn replace(&self, list: Vec<Fault>) {
        let list = list.into_iter().map(|fault| Fault { fired: 0, ..fault }).collect();
        *lock(&self.0) = Inner { list, dice: 0 };
    }

    pub fn list(&self) -> Vec<Fault> {
        lock(&self.0).list.clone()
    }

    pub fn strike(&self, api: Api, method: &str, path: &str) -> Strike {
        let Inner { list, dice } = &mut *lock(&self.0);
        let mut strike = Strike::default();
        for fault in list.iter_mut().filter(|fault| fault.matches(api, method, path)) {
            if fault.probability < 1.0 && roll(dice) >= fault.probability {
                continue;
            }
            fault.fired += 1;
            if let Action::Latency { ms } = fault.action {
                strike.latency += Duration::from_millis(ms);
            } else {
                strike.action = Some(fault.action.clone());
                break;
            }
        }
        strike
    }
}

/// The next number in 0..1 of a splitmix64 sequence.
fn roll(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    // 32 bits are enough for a share of requests, and a float holds them exactly.
    f64::from((z >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(value: Value) -> Fault {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn paths_match_exactly_by_id_or_all() {
        let check = |pattern, path, expect| assert_eq!(path_matches(pattern, path), expect, "{pattern} {path}");
        check("/phone-calls", "/phone-calls", true);
        check("/phone-calls", "/phone-calls/1", false);
        check("/phone-calls/{id}", "/phone-calls/1", true);
        check("/phone-calls/{id}", "/phone-calls", false);
        check("/phone-calls/{id}", "/phone-calls/1/x", false);
        check("/v1/calls/{id}/insight_cards", "/v1/calls/7/insight_cards", true);
        check("*", "/anything/at/all", true);
    }

    #[test]
    fn latency_is_added_to_another_fault_and_times_run_out() {
        let faults = Faults::default();
        faults.replace(vec![
            fault(serde_json::json!({"path": "*", "do": {"kind": "latency", "ms": 5}})),
            fault(serde_json::json!({"api": "sellsy", "method": "post", "path": "/phone-calls", "times": 1, "do": {"kind": "cut", "when": "after"}})),
        ]);
        let first = faults.strike(Api::Sellsy, "POST", "/phone-calls");
        assert_eq!(first.latency, Duration::from_millis(5));
        assert_eq!(first.action, Some(Action::Cut { when: When::After }));
        assert_eq!(faults.strike(Api::Sellsy, "POST", "/phone-calls").action, None);
        assert_eq!(faults.strike(Api::Aircall, "GET", "/v1/ping").action, None);
        assert_eq!(faults.list().iter().map(|fault| fault.fired).collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn a_probability_is_a_share() {
        let faults = Faults::default();
        faults
            .replace(vec![fault(serde_json::json!({"path": "*", "probability": 0.25, "do": {"kind": "wrong_json"}}))]);
        let hits = (0..4000).filter(|_| faults.strike(Api::Sellsy, "GET", "/x").action.is_some()).count();
        assert!((850..1150).contains(&hits), "{hits}");
    }

    #[test]
    fn a_typo_is_refused() {
        assert!(
            serde_json::from_value::<Fault>(serde_json::json!({"path": "*", "do": {"kind": "cut", "wen": "after"}}))
                .is_err()
        );
    }
}
