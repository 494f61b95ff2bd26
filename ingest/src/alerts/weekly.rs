//! The weekly message: what the calls of seven days were, for the people who pay for it. It goes to the receivers of alerts, in their forms.
//!
//! It is due on the day of `REPORT_WEEKLY` at eight, and as soon as followups has computed each of its days after their end. The table
//! `report_messages` says who has got it: all replicas together send it once, and what could not be sent at its time is sent later, until the next one
//! is due. A process that dies while it sends leaves a claim of a minute; then it is sent again.

use std::time::Duration;

use base::{db::Database, error::Result};
use jiff::{
    ToSpan, Zoned,
    civil::{Date, Weekday},
};
use ledger::reports::{self, Sent, Sums};
use serde_json::json;
use tokio::time;

use super::{
    message::{Message, State},
    receivers::Receiver,
    words::{Link, Words},
};

const EVERY: Duration = Duration::from_secs(20);
/// In TIME_ZONE: people read it in the morning.
const HOUR: i8 = 8;

pub(super) struct Weekly {
    pub(super) database: Database,
    pub(super) receiver: Receiver,
    pub(super) day: Weekday,
    pub(super) words: Words,
}

/// The calls of a week, and those of the week before if they are known.
struct Week {
    /// The day after it.
    until: Date,
    sums: Sums,
    before: Option<Sums>,
}

impl Weekly {
    pub(super) async fn run(self) {
        loop {
            self.database.available().await;
            if let Err(e) = self.tell().await {
                let receiver = self.receiver.channel().as_str();
                tracing::warn!(receiver, error = %e, "Whether the weekly report is due is not known; it is retried.");
            }
            time::sleep(EVERY).await;
        }
    }

    async fn tell(&self) -> Result<()> {
        let receiver = self.receiver.channel().as_str();
        let client = self.database.client().await?;
        let now = client.now().await?.to_zoned(self.words.time_zone.clone());
        let until = due(&now, self.day);
        if reports::was_sent(&client, receiver, until).await? != Sent::No {
            return Ok(());
        }
        let first_call = reports::first_call(&client).await?.map(|at| at.to_zoned(now.time_zone().clone()).date());
        let from = until.saturating_sub(7.days());
        let Some(from) = first_call.map(|first| first.max(from)).filter(|from| *from < until) else { return Ok(()) };
        if !reports::are_complete(&client, (from, until)).await? || !reports::claim(&client, receiver, until).await? {
            return Ok(());
        }
        let (week, before) = (until.saturating_sub(7.days()), until.saturating_sub(14.days()));
        let days = reports::by_day(&client, (before, until)).await?;
        let is_known = reports::progress(&client).await?.since.is_some_and(|since| since <= before);
        let of = |from: Date, until: Date| -> Sums { days.range(from..until).map(|(_, sums)| *sums).sum() };
        let week = Week { until, sums: of(week, until), before: is_known.then(|| of(before, week)) };
        // Sending takes long.
        drop(client);
        match self.receiver.send(&message(&week, &self.words, &now)).await {
            Ok(()) => {
                tracing::info!(receiver, "The weekly report was sent.");
                reports::sent(&self.database.client().await?, receiver, until).await
            }
            Err(problem) => {
                let again_in_s = reports::failed(&self.database.client().await?, receiver, until).await?.round();
                tracing::warn!(receiver, problem, again_in_s, "The weekly report could not be sent; it is retried.");
                Ok(())
            }
        }
    }
}

/// The day after the last week whose message is due.
fn due(now: &Zoned, day: Weekday) -> Date {
    let today = now.date();
    let passed = i64::from(day.until(today.weekday()));
    let passed = if passed == 0 && now.hour() < HOUR { 7 } else { passed };
    today.saturating_sub(passed.days())
}

fn message(week: &Week, words: &Words, now: &Zoned) -> Message {
    let (from, last) = (week.until.saturating_sub(7.days()), week.until.saturating_sub(1.day()));
    let date = |day: Date, pattern: (&str, &str)| day.strftime(words.of(pattern.0, pattern.1)).to_string();
    let day = |day| date(day, ("%d/%m/%Y", "%Y-%m-%d"));
    let (title_from, title_last) = (date(from, ("%d/%m", "%Y-%m-%d")), date(last, ("%d/%m", "%Y-%m-%d")));
    Message {
        kind: "weekly_report",
        state: State::Report,
        title: words.of(
            format!("Callbridge : vos appels du {title_from} au {title_last}"),
            format!("Callbridge: your calls from {title_from} to {title_last}"),
        ),
        text: text(week, words),
        when: words.of(format!("Du {} au {}.", day(from), day(last)), format!("From {} to {}.", day(from), day(last))),
        at: now.timestamp(),
        since: reports::bounds(from, now.time_zone()).map_or(now.timestamp(), |(begin, _)| begin),
        lasted: None,
        details: json!({ "from": from, "until": week.until, "week": week.sums, "week_before": week.before }),
        link: words.console_url.as_ref().map(|console| Link {
            url: format!("{console}/reports?days=7"),
            label: words.of("Ouvrir les rapports", "Open the reports"),
        }),
    }
}

fn text(week: &Week, words: &Words) -> String {
    let s = &week.sums;
    let percent = |part: i64, whole: i64| (part * 200 + whole) / (whole * 2).max(1);
    let mut says = vec![words.of(
        format!("Callbridge : {} appels, {} entrants et {} sortants", s.calls(), s.inbound, s.outbound),
        format!("Callbridge: {} calls, {} inbound and {} outbound", s.calls(), s.inbound, s.outbound),
    )];
    if let Some(before) = week.before.map(|before| before.calls()).filter(|before| *before > 0) {
        let change = (s.calls() - before) * 100 / before;
        says[0] += &words.of(
            format!(" ({change:+} % par rapport à la semaine d’avant)"),
            format!(" ({change:+} % against the week before)"),
        );
    }
    if s.inbound > 0 {
        let (share, missed, open) = (percent(s.answered, s.inbound), s.missed, s.not_called_back);
        says.push(words.of(
            format!("{share} % des entrants ont eu une réponse ; {missed} manqués, dont {open} non rappelés"),
            format!(
                "{share} % of the inbound ones were answered; {missed} were missed, {open} of them not called back"
            ),
        ));
    }
    if s.answered > 0 {
        let (wait, share) = (s.waited_s / s.answered, percent(s.within_20_s, s.answered));
        says.push(words.of(
            format!("attente moyenne {wait} s, {share} % en moins de 20 s"),
            format!("the mean time to answer was {wait} s, {share} % within 20 s"),
        ));
    }
    let (hours, minutes, first) = (s.talked_s / 3600, s.talked_s / 60 % 60, s.first_contact);
    says.push(words.of(
        format!("temps de parole {hours} h {minutes:02} min ; premiers contacts : {first}"),
        format!("{hours} h {minutes:02} min of talk; {first} first contacts"),
    ));
    let mut says = says.into_iter();
    let first = says.next().unwrap_or_default();
    let sentences = says.map(|sentence| {
        let mut letters = sentence.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    });
    let all: Vec<String> = std::iter::once(first).chain(sentences).collect();
    format!("{}.", all.join(". "))
}

#[cfg(test)]
mod tests {
    use base::settings::Language::{English, French};

    use super::{super::message::tests::words, *};

    #[test]
    fn is_due_at_eight_of_its_day_and_until_the_next() {
        // 30 November 2026 is a Monday.
        for (now, day, expected) in [
            ("2026-11-30T07:59", Weekday::Monday, "2026-11-23"),
            ("2026-11-30T08:00", Weekday::Monday, "2026-11-30"),
            ("2026-12-06T23:59", Weekday::Monday, "2026-11-30"),
            ("2026-12-07T00:00", Weekday::Monday, "2026-11-30"),
            ("2026-11-30T12:00", Weekday::Sunday, "2026-11-29"),
            ("2026-11-30T12:00", Weekday::Tuesday, "2026-11-24"),
        ] {
            let now: Zoned = format!("{now}[Europe/Paris]").parse().unwrap();
            assert_eq!(due(&now, day).to_string(), expected, "{now}");
        }
    }

    fn week(before: Option<i64>) -> Week {
        let sums = Sums {
            inbound: 40,
            answered: 30,
            missed: 10,
            not_called_back: 2,
            waited_s: 360,
            within_20_s: 24,
            outbound: 5,
            talked_s: 7380,
            first_contact: 6,
            ..Sums::default()
        };
        Week {
            until: "2026-11-30".parse().unwrap(),
            sums,
            before: before.map(|inbound| Sums { inbound, ..Sums::default() }),
        }
    }

    #[test]
    fn says_what_the_week_was() {
        let now: Zoned = "2026-11-30T08:00[Europe/Paris]".parse().unwrap();
        let english = message(&week(Some(50)), &words(English, Some("https://calls.example.com")), &now);
        assert_eq!(english.title, "Callbridge: your calls from 2026-11-23 to 2026-11-29");
        assert_eq!(
            english.text,
            "Callbridge: 45 calls, 40 inbound and 5 outbound (-10 % against the week before). 75 % of the inbound ones were answered; 10 were \
             missed, 2 of them not called back. The mean time to answer was 12 s, 80 % within 20 s. 2 h 03 min of talk; 6 first contacts."
        );
        assert_eq!(english.link.map(|link| link.url).as_deref(), Some("https://calls.example.com/reports?days=7"));
        assert_eq!((&english.details["week"]["missed"], &english.details["until"]), (&json!(10), &json!("2026-11-30")));
        assert_eq!(english.since.to_string(), "2026-11-22T23:00:00Z");
        let french = message(&week(None), &words(French, None), &now);
        assert_eq!(
            (french.title.as_str(), french.when.as_str()),
            ("Callbridge : vos appels du 23/11 au 29/11", "Du 23/11/2026 au 29/11/2026.")
        );
        assert_eq!(
            french.text,
            "Callbridge : 45 appels, 40 entrants et 5 sortants. 75 % des entrants ont eu une réponse ; 10 manqués, dont 2 non rappelés. \
             Attente moyenne 12 s, 80 % en moins de 20 s. Temps de parole 2 h 03 min ; premiers contacts : 6."
        );
    }

    #[test]
    fn a_week_without_calls_divides_by_nothing() {
        let empty = Week { sums: Sums::default(), before: Some(Sums::default()), ..week(None) };
        assert_eq!(
            text(&empty, &words(English, None)),
            "Callbridge: 0 calls, 0 inbound and 0 outbound. 0 h 00 min of talk; 0 first contacts."
        );
    }
}
