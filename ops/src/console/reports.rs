//! Reports for the people who pay for it: how many calls, answered by whom, of which customers, about what. The figures are those of [`crate::reports`];
//! here is what stands around them: the period, the comparison with the one before, pictures and tables.

mod pages;
mod pictures;
mod tables;
mod texts;

use axum::{
    Json,
    extract::{Query, State},
    http::header,
    response::IntoResponse,
};
use base::db::Client;
use jiff::{ToSpan, civil::Date};
use ledger::reports::{self as figures, Progress, Sums};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Console, Page, Shared,
    format::{count, number_of_days, percent, when},
    layout::{self, Section, Visitor},
    texts::Lang,
};
use crate::reports::{self, Of, Period};
pub(super) use pages::{conversations, customers, page, people};
use texts::Texts;

/// How many days can be chosen; the first is today alone.
const DAYS: [i64; 5] = [1, 7, 30, 90, 365];
const USUAL: i64 = 30;
/// How many months can be chosen.
const MONTHS: i64 = 13;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    days: String,
    month: String,
    of: String,
}

impl Filters {
    fn period(&self, today: Date) -> Period {
        Period::month(&self.month).unwrap_or_else(|| Period::last(self.days(), today))
    }

    fn days(&self) -> i64 {
        DAYS.into_iter().find(|days| days.to_string() == self.days).unwrap_or(USUAL)
    }

    /// The same period, for an address.
    fn query(&self) -> String {
        match Period::month(&self.month) {
            Some(period) => format!("month={}", period.from.strftime("%Y-%m")),
            None => format!("days={}", self.days()),
        }
    }
}

fn texts(visitor: &Visitor) -> &'static Texts {
    match visitor.lang {
        Lang::French => texts::in_french(),
        Lang::English => texts::in_english(),
    }
}

/// What every page of them has to know.
struct Report {
    client: Client,
    today: Date,
    filters: Filters,
    period: Period,
    progress: Progress,
}

impl Report {
    async fn load(console: &Console, filters: Filters) -> base::error::Result<Self> {
        let client = console.database.client().await?;
        let today = reports::today(&client, &console.settings).await?;
        let period = filters.period(today);
        let progress = figures::progress(&client).await?;
        Ok(Self { client, today, filters, period, progress })
    }

    async fn rows(&self, of: Of) -> base::error::Result<Vec<reports::Row>> {
        reports::rows(&self.client, of, (self.period, self.today), reports::ON_PAGE).await
    }

    /// All calls of the days that are over, and of as many before the period; `None` if the figures do not go back so far.
    async fn compared(&self) -> base::error::Result<Option<(Sums, Sums)>> {
        let (over, before) = self.period.compared(self.today);
        if over.from == over.until || self.progress.since.is_none_or(|since| since > before.from) {
            return Ok(None);
        }
        let all = figures::by_day(&self.client, (before.from, over.until)).await?;
        let of = |period: Period| -> Sums { all.range(period.from..period.until).map(|(_, sums)| *sums).sum() };
        Ok(Some((of(over), of(before))))
    }

    /// Title, pages, period, and how far the figures are.
    fn head(&self, visitor: &Visitor, at: &str) -> Markup {
        let texts = texts(visitor);
        let pages = [
            ("/reports", texts.overview),
            ("/reports/people", texts.people),
            ("/reports/customers", texts.customers),
            ("/reports/conversations", texts.conversations),
        ];
        let query = self.filters.query();
        html! {
            div.headline {
                h1 { (texts.title) }
                nav.choices aria-label=(texts.pages) {
                    @for (address, name) in pages {
                        a href={ (address) "?" (query) } aria-current=[(address == at).then_some("page")] { (name) }
                    }
                }
            }
            (self.form(visitor, at))
            p.quiet { (self.span(visitor)) " " (self.how_far(visitor)) }
        }
    }

    fn form(&self, visitor: &Visitor, at: &str) -> Markup {
        let texts = texts(visitor);
        let month = Period::month(&self.filters.month).map(|period| period.from);
        let this_month = self.today.first_of_month();
        let months = (0..MONTHS).map(|back| this_month.saturating_sub(back.months()));
        html! {
            form.search.periods method="get" action=(at) {
                div.field {
                    label for="days" { (visitor.texts().period) }
                    select #days name="days" {
                        @for days in DAYS {
                            option value=(days) selected[month.is_none() && days == self.filters.days()] { (number_of_days(visitor.lang, days, texts.today)) }
                        }
                    }
                }
                div.field {
                    label for="month" { (texts.or_month) }
                    select #month name="month" {
                        option value="" { "–" }
                        @for one in months { option value=(one.strftime("%Y-%m").to_string()) selected[month == Some(one)] { (month_name(texts, one)) } }
                    }
                }
                div.field.buttons { button.primary type="submit" { (texts.show) } a href=(at) { (visitor.texts().reset) } }
            }
        }
    }

    fn span(&self, visitor: &Visitor) -> String {
        let last = self.period.until.yesterday().unwrap_or(self.period.until);
        let texts = texts(visitor);
        if self.period.from == last {
            return texts.of_day.replace("{}", &date(visitor.lang, last));
        }
        texts
            .from_to
            .replace("{from}", &date(visitor.lang, self.period.from))
            .replace("{to}", &date(visitor.lang, last))
    }

    fn how_far(&self, visitor: &Visitor) -> Markup {
        let (texts, progress) = (texts(visitor), &self.progress);
        html! {
            @match (progress.since, progress.computed_at) {
                (Some(since), Some(at)) => {
                    @if since > self.period.from { (texts.since.replace("{}", &date(visitor.lang, since))) " " }
                    (texts.computed) " " (when(visitor, at)) "."
                    @if progress.to_compute > 0 { " " (texts.to_compute.replace("{}", &count(progress.to_compute))) }
                }
                _ => (texts.none_yet),
            }
        }
    }

    /// Where the same figures are as a sheet.
    fn sheet(&self, visitor: &Visitor, of: Of) -> Markup {
        html! { p { a href={ "/reports.csv?of=" (of.as_str()) "&" (self.filters.query()) } { (visitor.texts().as_csv) } } }
    }
}

fn date(lang: Lang, date: Date) -> String {
    let pattern = if lang == Lang::French { "%d/%m/%Y" } else { "%-d %b %Y" };
    date.strftime(pattern).to_string()
}

fn month_name(texts: &Texts, date: Date) -> String {
    let months: Vec<&str> = texts.months.split(' ').collect();
    let name = usize::try_from(date.month() - 1).ok().and_then(|month| months.get(month).copied()).unwrap_or_default();
    format!("{name} {}", date.year())
}

/// `+12 % against the period before`
fn trend(visitor: &Visitor, now: i64, before: i64) -> String {
    if before == 0 {
        return String::new();
    }
    let change = (now - before) * 100 / before;
    let sign = if change > 0 { "+" } else { "" };
    texts(visitor).trend.replace("{}", &format!("{sign}{}", count(change)))
}

/// A share in whole percent, or nothing of nothing.
fn share(visitor: &Visitor, part: i64, whole: i64) -> String {
    if whole == 0 { "–".into() } else { percent(visitor.lang, part, whole) }
}

pub(super) async fn csv(State(console): State<Shared>, Query(filters): Query<Filters>) -> Page {
    let client = console.database.client().await?;
    let today = reports::today(&client, &console.settings).await?;
    let of = Of::parse(&filters.of).unwrap_or(Of::Days);
    let rows = reports::rows(&client, of, (filters.period(today), today), reports::MOST).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.csv\"", of.as_str())),
    ];
    // Spreadsheets take a text without this mark for one in another encoding.
    Ok((headers, format!("\u{feff}{}", reports::as_csv(&rows))).into_response())
}

/// The same for programs.
pub(super) async fn json(State(console): State<Shared>, Query(filters): Query<Filters>) -> Page {
    let report = Report::load(&console, filters).await?;
    let of = Of::parse(&report.filters.of).unwrap_or(Of::Days);
    let rows = reports::rows(&report.client, of, (report.period, report.today), reports::MOST).await?;
    let mut answer = reports::as_json(of, report.period, &rows, &report.progress);
    answer["compared"] = serde_json::json!(report.compared().await?.map(
        |(over, before)| serde_json::json!({ "days_over": reports::named(&over), "days_before": reports::named(&before) })
    ));
    Ok(Json(answer).into_response())
}

fn shown(visitor: &Visitor, body: &Markup) -> axum::response::Response {
    layout::page(visitor, Section::Reports, texts(visitor).title, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_chosen_by_days_or_month() {
        let today: Date = "2026-11-30".parse().unwrap();
        for (days, month, query, from) in [
            ("", "", "days=30", "2026-11-01"),
            ("7", "", "days=7", "2026-11-24"),
            ("8", "", "days=30", "2026-11-01"),
            ("7", "2026-09", "month=2026-09", "2026-09-01"),
            ("7", "x", "days=7", "2026-11-24"),
        ] {
            let filters = Filters { days: days.into(), month: month.into(), of: String::new() };
            assert_eq!((filters.query().as_str(), filters.period(today).from.to_string().as_str()), (query, from));
        }
    }

    #[test]
    fn months_have_names_in_both_languages() {
        for texts in [texts::in_french(), texts::in_english()] {
            assert_eq!((texts.months.split(' ').count(), texts.weekdays.split(' ').count()), (12, 7));
        }
        assert_eq!(month_name(texts::in_french(), "2026-02-03".parse().unwrap()), "février 2026");
    }
}
