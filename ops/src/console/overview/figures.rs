//! The figures of a period: what became of its calls, how long calls take to be logged, and how that compares with a week before.
//!
//! A month has many calls, and the page asks every five seconds: so figures are kept for a moment, the longer the longer the period.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base::db::Client;
use jiff::{SignedDuration, Timestamp, ToSpan};
use maud::{Markup, html};
use tokio::sync::Mutex;
use vendors::budget::WindowStatus;

use super::super::{
    Console,
    chart::{Bars, Period, hundredths},
    format::{count, decimal},
    layout::Visitor,
};
use crate::{
    missed,
    search::{self, Delays},
};

/// How long the number of missed calls is kept: it is computed from all calls of a day.
const MISSED_FOR: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(in crate::console) struct Figures {
    pub(super) bars: Bars,
    /// Calls of the same time a week before, up to this moment: the last bar is not over.
    before: i64,
    delays: Option<Delays>,
    /// Callers of the last day with whom nobody has spoken.
    pub(super) missed: usize,
}

/// Figures by the length of their period, and when they were computed.
#[derive(Default)]
pub(in crate::console) struct Kept {
    by_days: Mutex<HashMap<i64, (Instant, Figures)>>,
    missed: Mutex<Option<(Instant, usize)>>,
}

impl Kept {
    pub(super) async fn of(
        &self,
        client: &Client,
        console: &Console,
        period: &Period,
        now: Timestamp,
    ) -> anyhow::Result<Figures> {
        // One at a time: the others find what the first has computed.
        let mut kept = self.by_days.lock().await;
        let lasts = Duration::from_secs(match period.days {
            1 => 2,
            7 => 15,
            _ => 60,
        });
        if let Some((_, figures)) = kept.get(&period.days).filter(|(at, _)| at.elapsed() < lasts) {
            return Ok(figures.clone());
        }
        let (since, _) = period.ends();
        let week = 168.hours();
        let figures = Figures {
            bars: Bars::new(period, &search::counts(client, &period.bounds).await?),
            before: search::count(client, since.checked_sub(week)?, now.checked_sub(week)?).await?,
            delays: search::delays(client).await?,
            missed: self.missed(client, console).await?,
        };
        kept.insert(period.days, (Instant::now(), figures.clone()));
        Ok(figures)
    }

    async fn missed(&self, client: &Client, console: &Console) -> anyhow::Result<usize> {
        let mut kept = self.missed.lock().await;
        if let Some((_, callers)) = kept.filter(|(at, _)| at.elapsed() < MISSED_FOR) {
            return Ok(callers);
        }
        let since = client.now().await? - SignedDuration::from_hours(24);
        let all = missed::read(client, &console.settings, since).await?;
        let callers = all.iter().filter(|missed| missed.became == ledger::missed::Became::Open).count();
        *kept = Some((Instant::now(), callers));
        Ok(callers)
    }
}

impl Figures {
    pub(super) fn before(&self) -> i64 {
        self.before
    }

    pub(super) fn delays(&self) -> Option<Delays> {
        self.delays
    }

    /// `+12 % on the week before`
    pub(super) fn trend(&self, visitor: &Visitor) -> String {
        let now = self.bars.all();
        if self.before == 0 {
            return String::new();
        }
        let percent = (now - self.before) * 100 / self.before;
        let sign = if percent > 0 { "+" } else { "" };
        visitor.texts().trend.replace("{}", &format!("{sign}{}", count(percent)))
    }

    /// What has no place among the calls: times and quotas.
    pub(super) fn shown(&self, visitor: &Visitor, budgets: &[WindowStatus]) -> Markup {
        let texts = visitor.texts();
        let seconds = |s: f64| {
            if s < 10.0 {
                format!("{} s", decimal(visitor.lang, s.max(0.1)))
            } else {
                super::super::format::span(visitor.lang, s as i64)
            }
        };
        html! {
            dl.figures {
                @if let Some(delays) = &self.delays {
                    div {
                        dt { (texts.call_to_log) }
                        dd { (texts.half_within.replace("{}", &seconds(delays.half_s))) ", " (texts.most_within.replace("{}", &seconds(delays.most_s))) }
                    }
                }
                @for window in budgets.iter().filter(|window| window.span == "minute") {
                    @let used: i64 = window.used.iter().sum();
                    div {
                        dt { (texts.quota_of) " " span.api { (window.api) } }
                        dd { (hundredths(used.min(window.limit.into()), window.limit.into()).split('.').next().unwrap_or("0")) " % " (texts.of_the_minute) }
                    }
                }
            }
        }
    }
}
