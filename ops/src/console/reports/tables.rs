//! Tables of figures: by line, team, agent, company, opportunity or topic.

use maud::{Markup, html};

use super::{
    super::{
        chart::hundredths,
        format::{count, duration},
        layout::Visitor,
    },
    share, texts,
};
use crate::reports::{Row, mean};

pub(super) fn seconds(value: i64) -> String {
    duration(u64::try_from(value).unwrap_or(0))
}

fn mean_of(sum: i64, of: i64) -> String {
    mean(sum, of).map_or_else(|| "–".to_owned(), seconds)
}

/// What a table shows beside the calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Of a line or a team.
    Answered,
    /// Of an agent, to whom no missed call belongs.
    Spoken,
    /// Of a customer or a topic.
    Time,
}

/// By name, with the number of calls as a bar as well.
pub(super) fn by_name(
    visitor: &Visitor,
    title: &str,
    first: &str,
    rows: &[Row],
    columns: Columns,
    link: fn(&str) -> Option<String>,
) -> Markup {
    let texts = texts(visitor);
    if rows.is_empty() {
        return html! { p.empty { (texts.nothing) } };
    }
    let most = rows.iter().map(|row| row.sums.calls()).max().unwrap_or(0);
    let heads: &[&str] = match columns {
        Columns::Answered => &[
            texts.inbound,
            texts.answered,
            texts.missed,
            texts.not_called_back,
            texts.wait,
            texts.outbound,
            texts.talked,
        ],
        Columns::Spoken => &[texts.answered, texts.wait, texts.outbound, texts.reached, texts.talked],
        Columns::Time => &[texts.inbound, texts.outbound, texts.missed, texts.talked],
    };
    let cells = |row: &Row| {
        let s = &row.sums;
        let answered = if s.inbound > 0 {
            format!("{} ({})", count(s.answered), share(visitor, s.answered, s.inbound))
        } else {
            count(s.answered)
        };
        match columns {
            Columns::Answered => vec![
                count(s.inbound),
                answered,
                count(s.missed),
                count(s.not_called_back),
                mean_of(s.waited_s, s.answered),
                count(s.outbound),
                seconds(s.talked_s),
            ],
            Columns::Spoken => vec![
                count(s.answered),
                mean_of(s.waited_s, s.answered),
                count(s.outbound),
                count(s.reached),
                seconds(s.talked_s),
            ],
            Columns::Time => vec![count(s.inbound), count(s.outbound), count(s.missed), seconds(s.talked_s)],
        }
    };
    html! {
        table.cards.small {
            caption.unseen { (title) }
            thead { tr { th scope="col" { (first) } th.number scope="col" { (texts.calls) } @for head in heads { th.number scope="col" { (head) } } } }
            tbody { @for row in rows {
                tr {
                    th scope="row" data-label=(first) {
                        @match link(&row.key) { Some(address) => { a href=(address) { (row.name) } } None => { (row.name) } }
                        svg.bar aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none" {
                            rect.used width=(hundredths(row.sums.calls(), most)) height="8" {}
                        }
                    }
                    td.number data-label=(texts.calls) { (count(row.sums.calls())) }
                    @for (head, cell) in heads.iter().zip(cells(row)) { td.number data-label=(head) { (cell) } }
                }
            } }
        }
    }
}

/// Shares of a whole: a name, a count, and the share as a bar as well.
pub(super) fn shares(visitor: &Visitor, title: &str, whole: i64, parts: &[(String, i64)]) -> Markup {
    let texts = texts(visitor);
    html! {
        table.cards.small {
            caption.unseen { (title) }
            thead { tr { th scope="col" { (title) } th.number scope="col" { (texts.calls) } th.number scope="col" { (texts.share) } } }
            tbody { @for (name, value) in parts {
                tr {
                    th scope="row" data-label=(title) {
                        (name)
                        svg.bar aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none" {
                            rect.track width="100" height="8" {}
                            rect.used width=(hundredths(*value, whole)) height="8" {}
                        }
                    }
                    td.number data-label=(texts.calls) { (count(*value)) }
                    td.number data-label=(texts.share) { (share(visitor, *value, whole)) }
                }
            } }
        }
    }
}
