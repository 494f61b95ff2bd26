//! The four pages of the reports.

use axum::{
    Extension,
    extract::{Query, State},
};
use ledger::reports::Sums;
use maud::{Markup, html};

use super::{
    super::{Page, Shared, format::count, layout::Visitor},
    Filters, Report,
    pictures::{self, Series},
    share, shown,
    tables::{self, Columns, seconds},
    texts, trend,
};
use crate::reports::{ON_PAGE, Of, Row, mean};

fn panel(id: &str, title: &str, body: &Markup) -> Markup {
    let heading = format!("{id}-title");
    html! { section.panel id=(id) aria-labelledby=(heading) { h2 id=(heading) { (title) } (body) } }
}

fn total(rows: &[Row]) -> Sums {
    rows.iter().map(|row| row.sums).sum()
}

/// Calls a day, what became of them, when they come, and how long people wait.
pub(crate) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let report = Report::load(&console, filters).await?;
    let (days, hours) = (report.rows(Of::Days).await?, report.rows(Of::Hours).await?);
    let (all, compared) = (total(&days), report.compared().await?);
    let texts = texts(&visitor);
    let series = [
        Series { class: "answered", name: texts.answered, of: |sums| sums.answered },
        Series { class: "outgoing", name: texts.outbound, of: |sums| sums.outbound },
        Series { class: "lost", name: texts.missed, of: |sums| sums.missed },
    ];
    let calls_a = if pictures::are_weeks(&days) { texts.calls_a_week } else { texts.calls_a_day };
    let body = html! {
        (report.head(&visitor, "/reports"))
        (tiles(&visitor, &all, compared))
        (panel("calls", calls_a, &html! {
            (pictures::over_time(&visitor, calls_a, &days, &series))
            (report.sheet(&visitor, Of::Days))
        }))
        (panel("hours", texts.by_hour, &html! {
            p.quiet { (texts.by_hour_note) }
            (pictures::week(&visitor, &hours))
            (report.sheet(&visitor, Of::Hours))
        }))
        (panel("answer", texts.times_to_answer, &times_to_answer(&visitor, &all)))
    };
    Ok(shown(&visitor, &body))
}

fn tiles(visitor: &Visitor, all: &Sums, compared: Option<(Sums, Sums)>) -> Markup {
    let texts = texts(visitor);
    let against = |of: fn(&Sums) -> i64| {
        compared.map(|(now, before)| trend(visitor, of(&now), of(&before))).filter(|text| !text.is_empty())
    };
    let tile = |class: &str, value: String, name: &str, note: &str, against: Option<String>| {
        html! { li { div class={ "tile " (class) } { strong { (value) } span { (name) } small { (note) } @if let Some(text) = against { small { (text) } } } } }
    };
    let wait = mean(all.waited_s, all.answered).map_or_else(|| "–".to_owned(), seconds);
    let mean_talk = mean(all.talked_s, all.spoken()).map_or_else(|| "–".to_owned(), seconds);
    let in_and_out = format!(
        "{} {}, {} {}",
        count(all.inbound),
        texts.inbound.to_lowercase(),
        count(all.outbound),
        texts.outbound.to_lowercase()
    );
    html! {
        ul.tiles.six {
            (tile("all", count(all.calls()), texts.calls, &in_and_out, against(Sums::calls)))
            (tile("logged", count(all.answered), texts.answered, &texts.of_inbound.replace("{}", &share(visitor, all.answered, all.inbound)), against(|sums| sums.answered)))
            (tile("unmatched", count(all.missed), texts.missed, &format!("{} {}", count(all.voicemail), texts.voicemail), against(|sums| sums.missed)))
            (tile("unmatched", count(all.not_called_back), texts.not_called_back, texts.not_called_back_note, against(|sums| sums.not_called_back)))
            (tile("waiting", wait, texts.wait, &texts.wait_note.replace("{}", &share(visitor, all.within_20_s, all.answered)), None))
            (tile("waiting", seconds(all.talked_s), texts.talked, &texts.mean_talk.replace("{}", &mean_talk), against(|sums| sums.talked_s)))
        }
        @if compared.is_some() { p.quiet { (texts.trend_note) } }
    }
}

fn times_to_answer(visitor: &Visitor, all: &Sums) -> Markup {
    let texts = texts(visitor);
    let within = |seconds: i64| texts.within.replace("{}", &seconds.to_string());
    let parts = [
        (within(10), all.within_10_s),
        (within(20), all.within_20_s),
        (within(30), all.within_30_s),
        (within(60), all.within_60_s),
        (texts.later.to_owned(), all.answered - all.within_60_s),
    ];
    tables::shares(visitor, texts.times_to_answer, all.answered, &parts)
}

fn nowhere(_: &str) -> Option<String> {
    None
}

/// By line, team and agent.
pub(crate) async fn people(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let report = Report::load(&console, filters).await?;
    let texts = texts(&visitor);
    let mut panels = Vec::new();
    for (of, title, note, columns) in [
        (Of::Lines, texts.lines, "", Columns::Answered),
        (Of::Teams, texts.teams, texts.teams_note, Columns::Answered),
        (Of::Agents, texts.agents, texts.agents_note, Columns::Spoken),
    ] {
        panels.push(listed(&visitor, &report, of, title, note, columns, nowhere).await?);
    }
    let body = html! { (report.head(&visitor, "/reports/people")) @for panel in panels { (panel) } };
    Ok(shown(&visitor, &body))
}

async fn listed(
    visitor: &Visitor,
    report: &Report,
    of: Of,
    title: &str,
    note: &str,
    columns: Columns,
    link: fn(&str) -> Option<String>,
) -> base::error::Result<Markup> {
    let rows = report.rows(of).await?;
    let is_part = i64::try_from(rows.len()).is_ok_and(|rows| rows >= ON_PAGE);
    Ok(panel(
        of.as_str(),
        title,
        &html! {
            @if !note.is_empty() { p.quiet { (note) } }
            (tables::by_name(visitor, title, title, &rows, columns, link))
            @if is_part { p.quiet { (texts(visitor).first_rows.replace("{}", &count(ON_PAGE))) } }
            @if !rows.is_empty() { (report.sheet(visitor, of)) }
        },
    ))
}

/// Whose calls they are: first contacts and known customers, companies, opportunities.
pub(crate) async fn customers(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let report = Report::load(&console, filters).await?;
    let all = total(&report.rows(Of::Days).await?);
    let texts = texts(&visitor);
    let callers = [
        (texts.known.to_owned(), all.known),
        (texts.first_contact.to_owned(), all.first_contact),
        (texts.other_callers.to_owned(), all.inbound - all.known - all.first_contact),
    ];
    let companies = |key: &str| Some(format!("/calls?q=company+{key}"));
    let companies =
        listed(&visitor, &report, Of::Companies, texts.companies, texts.customers_note, Columns::Time, companies);
    let opportunities =
        listed(&visitor, &report, Of::Opportunities, texts.opportunities, texts.customers_note, Columns::Time, nowhere);
    let body = html! {
        (report.head(&visitor, "/reports/customers"))
        (panel("callers", texts.who_calls, &html! {
            p.quiet { (texts.first_note) }
            (tables::shares(&visitor, texts.who_calls, all.inbound, &callers))
        }))
        (companies.await?)
        (opportunities.await?)
    };
    Ok(shown(&visitor, &body))
}

/// What is written down of calls, how callers feel, and what they talk of.
pub(crate) async fn conversations(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let report = Report::load(&console, filters).await?;
    let days = report.rows(Of::Days).await?;
    let (all, texts) = (total(&days), texts(&visitor));
    let written = [
        (texts.tagged.to_owned(), all.tagged),
        (texts.noted.to_owned(), all.noted),
        (texts.with_insights.to_owned(), all.with_insights),
    ];
    let moods = [
        Series { class: "answered", name: texts.positive, of: |sums| sums.positive },
        Series { class: "outgoing", name: texts.neutral, of: |sums| sums.neutral },
        Series { class: "lost", name: texts.negative, of: |sums| sums.negative },
    ];
    let topics = listed(&visitor, &report, Of::Topics, texts.topics, texts.topics_note, Columns::Time, nowhere);
    let body = html! {
        (report.head(&visitor, "/reports/conversations"))
        (panel("written", texts.what_is_written, &tables::shares(&visitor, texts.what_is_written, all.calls(), &written)))
        (panel("moods", texts.moods, &html! {
            p.quiet { (texts.moods_note) }
            (pictures::over_time(&visitor, texts.moods, &days, &moods))
        }))
        (topics.await?)
    };
    Ok(shown(&visitor, &body))
}
