//! Turns an order to play a call into the list of its events, in order of time.
//!
//! The order says what kind of call it is; the ordinary events (created, ringing, answered, hungup, ended, voicemail)
//! follow from it at the offsets that were recorded on a real account. What the agent or the AI adds is listed in
//! `after`, in seconds relative to the hang-up (negative: during the call). Nothing here changes state or reads the
//! clock.

use serde::Deserialize;
use serde_json::Value;

use super::directory::Directory;
use super::scenario::{Change, Insight, Step, TemplateResult};

/// Aircall gathers a call's data for about this long before `call.ended`.
const ENDED_AFTER_S: i64 = 30;
const VOICEMAIL_AFTER_S: i64 = 33;
/// `call.created` of an outbound call comes when the line is open, not when the agent dials.
const OUTBOUND_CREATED_AFTER_S: i64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlayCall {
    pub(super) id: Option<u64>,
    pub(super) direction: Direction,
    pub(super) raw_digits: Option<String>,
    pub(super) number_id: Option<u64>,
    pub(super) user_id: Option<u64>,
    #[serde(default)]
    pub(super) teams: Vec<u64>,
    pub(super) contact: Option<Value>,
    pub(super) started_at: Option<i64>,
    #[serde(default = "six")]
    ring_s: i64,
    #[serde(default = "yes")]
    answered: bool,
    duration: Option<i64>,
    missed_call_reason: Option<String>,
    #[serde(default)]
    voicemail: bool,
    #[serde(default)]
    recording: bool,
    #[serde(default)]
    after: Vec<After>,
    #[serde(default)]
    pub(super) pace_ms: u64,
    #[serde(default)]
    pub(super) at_once: bool,
    #[serde(default)]
    lost: Vec<String>,
}

fn six() -> i64 {
    6
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    event: String,
    at_s: i64,
    user_id: Option<u64>,
    tags: Option<Vec<String>>,
    content: Option<Value>,
    value: Option<String>,
    name: Option<String>,
    results: Option<Vec<TemplateResult>>,
    utterances: Option<Vec<Value>>,
    #[serde(default)]
    bare: bool,
}

impl PlayCall {
    /// Refuses a call that no real account could have produced.
    pub(super) fn check(&self, directory: &Directory) -> Result<(), String> {
        let users = self.user_id.iter().chain(self.after.iter().filter_map(|after| after.user_id.as_ref()));
        for user in users {
            if !directory.has_user(*user) {
                return Err(format!("user {user} is not in the data file"));
            }
        }
        if let Some(number) = self.number_id.filter(|number| !directory.has_number(*number)) {
            return Err(format!("number {number} is not in the data file"));
        }
        if let Some(team) = self.teams.iter().find(|team| !directory.has_team(**team)) {
            return Err(format!("team {team} is not in the data file"));
        }
        if self.voicemail && (self.answered || self.direction == Direction::Outbound) {
            return Err("only an unanswered inbound call can have a voicemail".into());
        }
        if self.recording && !self.answered {
            return Err("only an answered call can have a recording".into());
        }
        if self.ring_s < 0 || self.duration() < self.ring_s {
            return Err("duration counts the ringing: it cannot be less than ring_s".into());
        }
        if self.after.iter().any(|after| self.duration() + after.at_s < 0) {
            return Err("an event of `after` is before the call's start".into());
        }
        Ok(())
    }

    /// Whether the webhooks of this event are never sent.
    pub(super) fn loses(&self, event: &str) -> bool {
        self.lost.iter().any(|lost| lost == event || lost == "*")
    }

    fn duration(&self) -> i64 {
        self.duration.unwrap_or(if self.answered { self.ring_s + 60 } else { self.ring_s })
    }

    /// The call's events in order of time; within a second, the ordinary ones come first.
    pub(super) fn steps(&self, started_at: i64) -> Result<Vec<Step>, String> {
        let hungup = started_at + self.duration();
        let mut steps = self.ordinary(started_at, hungup);
        for after in &self.after {
            let change = after.change(self)?;
            steps.push(Step { at: hungup + after.at_s, change });
        }
        steps.sort_by_key(|step| step.at);
        Ok(steps)
    }

    fn ordinary(&self, started_at: i64, hungup: i64) -> Vec<Step> {
        let inbound = self.direction == Direction::Inbound;
        let created_after = if inbound { 0 } else { OUTBOUND_CREATED_AFTER_S.min(self.ring_s) };
        let mut steps = vec![Step { at: started_at + created_after, change: Change::Created }];
        if let Some(user) = self.user_id.filter(|_| inbound) {
            // Aircall reports both in the same second.
            steps.push(Step { at: started_at, change: Change::Ringing { user } });
        }
        if self.answered {
            steps.push(Step { at: started_at + self.ring_s, change: Change::Answered { user: self.user_id } });
        }
        steps.push(Step { at: hungup, change: Change::Hungup { reason: self.missed_reason() } });
        // If call.comm_assets_generated is to come, there is no recording yet when the call ends.
        let recording = self.recording && !self.after.iter().any(|after| after.event == "call.comm_assets_generated");
        let ended = Change::Ended { voicemail: self.voicemail, recording };
        steps.push(Step { at: hungup + ENDED_AFTER_S, change: ended });
        if self.voicemail {
            steps.push(Step { at: hungup + VOICEMAIL_AFTER_S, change: Change::VoicemailLeft });
        }
        steps
    }

    /// A missed inbound call has a reason unless the order says `""`; an outbound one almost never has.
    fn missed_reason(&self) -> Option<String> {
        match &self.missed_call_reason {
            Some(reason) if reason.is_empty() => None,
            Some(reason) => Some(reason.clone()),
            None if self.answered || self.direction == Direction::Outbound => None,
            None if self.user_id.is_some() => Some("agents_did_not_answer".into()),
            None => Some("no_available_agent".into()),
        }
    }
}

impl After {
    fn change(&self, call: &PlayCall) -> Result<Change, String> {
        let by = self.user_id.or(call.user_id.filter(|_| call.answered || call.direction == Direction::Outbound));
        if self.bare && self.event.starts_with("call.") {
            return Err(format!("`{}` always carries the whole call: it cannot be `bare`", self.event));
        }
        Ok(match self.event.as_str() {
            "call.tagged" => Change::Tagged { tags: self.tags()?, by },
            "call.untagged" => Change::Untagged { tags: self.tags()? },
            // Without user_id it is a note posted through the API, which has no author.
            "call.commented" => Change::Commented { content: self.text()?, by: self.user_id },
            "call.comm_assets_generated" => Change::Assets { recording: call.recording },
            "call.archived" => Change::Archived,
            "call.assigned" => Change::Assigned { user: self.user()? },
            "call.transferred" => Change::Transferred { to: self.user()? },
            "call.unsuccessful_transfer" => Change::TransferFailed { to: self.user()? },
            "call.hold" => Change::Notice("call.hold"),
            "call.unhold" => Change::Notice("call.unhold"),
            "call.agent_declined" => Change::Notice("call.agent_declined"),
            _ => Change::Insight { insight: self.insight()?, bare: self.bare },
        })
    }

    fn insight(&self) -> Result<Insight, String> {
        let custom = |updated| -> Result<Insight, String> {
            let name = self.name.clone().ok_or_else(|| self.needs("name"))?;
            let results = self.results.clone().ok_or_else(|| self.needs("results"))?;
            Ok(Insight::CustomSummary { name, results, updated })
        };
        Ok(match self.event.as_str() {
            "transcription.created" => Insight::Transcription { utterances: self.utterances.clone() },
            "summary.created" => Insight::Summary { content: self.text()? },
            "topics.created" => Insight::Topics { content: self.texts()? },
            "sentiment.created" => {
                let value = self.value.clone().ok_or_else(|| self.needs("value"))?;
                if !["POSITIVE", "NEUTRAL", "NEGATIVE"].contains(&value.as_str()) {
                    return Err("value is one of POSITIVE, NEUTRAL, NEGATIVE".into());
                }
                Insight::Sentiment { value }
            }
            "action_item.created" => Insight::ActionItem { content: self.text()? },
            "custom_summary.result_created" => custom(false)?,
            "custom_summary.result_updated" => custom(true)?,
            other => {
                return Err(format!("`{other}` cannot be played; send it with POST /_sandbox/aircall/events"));
            }
        })
    }

    fn needs(&self, key: &str) -> String {
        format!("`{}` needs `{key}`", self.event)
    }

    fn tags(&self) -> Result<Vec<String>, String> {
        self.tags.clone().ok_or_else(|| self.needs("tags"))
    }

    fn user(&self) -> Result<u64, String> {
        self.user_id.ok_or_else(|| self.needs("user_id"))
    }

    fn text(&self) -> Result<String, String> {
        self.content.as_ref().and_then(Value::as_str).map(str::to_owned).ok_or_else(|| self.needs("content (a string)"))
    }

    fn texts(&self) -> Result<Vec<String>, String> {
        let items = self.content.as_ref().and_then(Value::as_array).ok_or_else(|| self.needs("content (an array)"))?;
        let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        texts.ok_or_else(|| self.needs("content (an array of strings)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(order: &str) -> Vec<(i64, &'static str)> {
        let call: PlayCall = serde_json::from_str(order).unwrap();
        call.steps(1_000).unwrap().iter().map(|step| (step.at - 1_000, step.change.event())).collect()
    }

    #[test]
    fn answered_inbound_with_late_changes() {
        let order = r#"{"direction":"inbound","user_id":501,"ring_s":6,"duration":125,"after":[
            {"event":"call.commented","at_s":87,"content":"x"},{"event":"call.tagged","at_s":2,"tags":["VIP"]}]}"#;
        let expected = vec![
            (0, "call.created"),
            (0, "call.ringing_on_agent"),
            (6, "call.answered"),
            (125, "call.hungup"),
            (127, "call.tagged"),
            (155, "call.ended"),
            (212, "call.commented"),
        ];
        assert_eq!(events(order), expected);
    }

    #[test]
    fn voicemail_comes_after_the_end() {
        let order = r#"{"direction":"inbound","user_id":501,"ring_s":17,"answered":false,"voicemail":true}"#;
        let expected = vec![
            (0, "call.created"),
            (0, "call.ringing_on_agent"),
            (17, "call.hungup"),
            (47, "call.ended"),
            (50, "call.voicemail_left"),
        ];
        assert_eq!(events(order), expected);
    }

    #[test]
    fn outbound_does_not_ring_on_an_agent() {
        let order = r#"{"direction":"outbound","user_id":501,"ring_s":5,"duration":20}"#;
        let expected = vec![(2, "call.created"), (5, "call.answered"), (20, "call.hungup"), (50, "call.ended")];
        assert_eq!(events(order), expected);
    }

    #[test]
    fn a_typo_in_an_order_is_refused() {
        let misspelt = r#"{"direction":"inbound","after":[{"event":"call.tagged","at_s":2,"tag":["VIP"]}]}"#;
        assert!(serde_json::from_str::<PlayCall>(misspelt).is_err());
        for wrong in [r#""event":"call.exploded""#, r#""event":"call.archived","bare":true"#] {
            let order = format!(r#"{{"direction":"inbound","after":[{{{wrong},"at_s":2}}]}}"#);
            let call: PlayCall = serde_json::from_str(&order).unwrap();
            assert!(call.steps(0).is_err(), "{wrong}");
        }
    }
}
