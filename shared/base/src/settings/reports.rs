//! Reports: how often they are computed, for how long they are kept, and who gets the weekly message.

use std::{num::NonZeroU16, time::Duration};

use jiff::civil::Weekday;

use super::{
    alerts::AlertChannel,
    parts::{list, parsed},
    problems::Problems,
    raw::Raw,
};
use crate::rules::WEEKDAYS;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reports {
    /// Only followups reads it.
    pub every: Duration,
    /// Only followups reads it.
    pub keep_days: u16,
    /// `None`: no message. Only ingest reads it.
    pub weekly: Option<Weekday>,
    /// Of the receivers that there are.
    pub weekly_to: Vec<AlertChannel>,
}

pub(super) fn reports(raw: &Raw, every: Option<Duration>, problems: &mut Problems) -> Option<Reports> {
    let keep: Option<NonZeroU16> =
        parsed(problems, "REPORT_DAYS", &raw.report_days, "a number of days from 1 to 65535");
    let weekly = match raw.report_weekly.trim().to_lowercase().as_str() {
        "" | "off" => Some(None),
        day => WEEKDAYS.iter().find(|(name, _)| *name == day).map(|(_, day)| Some(*day)),
    };
    if weekly.is_none() {
        problems.0.push(
            "REPORT_WEEKLY must be off, or a day: monday, tuesday, wednesday, thursday, friday, saturday, sunday"
                .into(),
        );
    }
    let to = match raw.report_weekly_to.trim() {
        "*" | "" => Some(AlertChannel::ALL.to_vec()),
        text => list(text).map(AlertChannel::parse).collect(),
    };
    if to.is_none() {
        let names = AlertChannel::ALL.map(AlertChannel::as_str).join(", ");
        problems.0.push(format!(
            "REPORT_WEEKLY_TO must be * for all receivers, or some of {names}, with commas between them"
        ));
    }
    Some(Reports { every: every?, keep_days: keep?.get(), weekly: weekly?, weekly_to: to? })
}
