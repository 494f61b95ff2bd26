//! `callbridge directory status`: how complete and how fresh the phone directory is. `callbridge directory sync` asks the
//! resolver that maintains it for a synchronisation now, and shows the progress.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use base::{
    db::{Client, Database},
    out, say, tell,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use resolver::directory::{
    contents::{self, Size, UnreadField},
    opportunities::{self, Reading},
    store::{self, Progress, Turn},
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::ago;

const POLL_EVERY: Duration = Duration::from_millis(300);
/// A resolver looks for requests every second. Without progress for this long, no resolver runs or none can work.
const STALLED_AFTER: Duration = Duration::from_secs(30);
const ACCEPT_FEWER: &str = "callbridge directory sync --everything --accept-fewer";

/// Exit code 1 while a kind has not been loaded, its last turn failed or its last pass saw far too little, so that a script can wait for success.
pub(crate) async fn status(database: &Database, json: bool) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    let (progress, sizes) = (store::progress(&client).await?, contents::sizes(&client).await?);
    let opportunities = opportunities::reading(&client).await?;
    if json {
        let status = json!({ "kinds": progress, "sizes": sizes, "opportunities": opportunities });
        say!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        out::print(render(&progress, &sizes, &opportunities, Timestamp::now()));
    }
    let is_good = |p: &Progress| {
        p.loaded_at.is_some() && p.problem.is_none() && p.too_few().is_none_or(|too_few| !too_few.is_serious())
    };
    let good = progress.len() == 3 && progress.iter().all(is_good);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Requests a synchronisation, waits until it ends, and shows the state then. Exit code 1 if it fails or no resolver starts it.
pub(crate) async fn sync(database: &Database, turn: Turn, json: bool) -> anyhow::Result<ExitCode> {
    if let Err(why) = synchronised(&database.client().await?, turn).await? {
        tell!("callbridge: {why}");
        if json {
            status(database, json).await?;
        }
        return Ok(ExitCode::FAILURE);
    }
    status(database, json).await
}

/// Or why not.
async fn synchronised(client: &Client, turn: Turn) -> anyhow::Result<Result<(), String>> {
    if !store::request(client, turn).await? {
        let why = "the first load has not begun: it begins automatically as soon as a resolver runs";
        return Ok(Err(why.to_owned()));
    }
    let mut bars = Bars::new();
    let mut last_change = (Instant::now(), String::new());
    loop {
        let progress = store::progress(client).await?;
        bars.show(&progress);
        if let Some(p) = progress.iter().find(|p| p.problem.is_some()) {
            bars.end();
            let (kind, problem) = (&p.kind, p.problem.as_deref().unwrap_or_default());
            let next = "The resolver retries automatically; `callbridge directory status` shows the result.";
            return Ok(Err(format!("{kind}: {problem}\n{next}")));
        }
        if progress.iter().all(|p| !p.is_requested()) {
            bars.end();
            return Ok(Ok(()));
        }
        let now = format!("{progress:?}");
        if now != last_change.1 {
            last_change = (Instant::now(), now);
        } else if last_change.0.elapsed() > STALLED_AFTER {
            bars.end();
            let why = "no resolver has started this: is one running? The request stays until one does.";
            return Ok(Err(why.to_owned()));
        }
        sleep(POLL_EVERY).await;
    }
}

/// A bar for each kind, on a terminal only.
pub(crate) struct Bars {
    all: MultiProgress,
    style: ProgressStyle,
    kinds: Vec<(String, ProgressBar)>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template("{prefix:<11} {bar:40} {pos}/{len} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { all: MultiProgress::new(), style, kinds: Vec::new() }
    }

    pub(crate) fn show(&mut self, progress: &[Progress]) {
        for p in progress {
            let known = self.kinds.iter().position(|(kind, _)| *kind == p.kind);
            let at = known.unwrap_or_else(|| {
                let bar = ProgressBar::new(0).with_style(self.style.clone()).with_prefix(p.kind.clone());
                self.kinds.push((p.kind.clone(), self.all.add(bar)));
                self.kinds.len() - 1
            });
            let bar = &self.kinds[at].1;
            let rows = u64::try_from(p.pass_rows).unwrap_or_default();
            let total = p.pass_total.and_then(|total| u64::try_from(total).ok()).unwrap_or_default();
            bar.set_length(total.max(rows));
            bar.set_position(rows);
            let state = match (p.is_requested(), p.pass_ended_at) {
                (false, _) => "up to date",
                (true, None) => "reading all records",
                (true, Some(_)) => "waiting for changes to be read",
            };
            bar.set_message(state);
        }
    }

    pub(crate) fn end(&self) {
        let _ = self.all.clear();
    }
}

/// What is said about rows of Sellsy's list that could not be read.
pub(crate) fn left_out(rows: i64) -> String {
    match rows {
        1 => "one row of Sellsy's list could not be read and is left out".into(),
        rows => format!("{rows} rows of Sellsy's list could not be read and are left out"),
    }
}

fn render(progress: &[Progress], sizes: &[Size], opportunities: &Reading, now: Timestamp) -> String {
    if progress.is_empty() {
        return "The directory is empty: no resolver has synchronised it yet.\n".into();
    }
    let mut text = format!(
        "{:<11} {:>8} {:>8} {:>8}  {:<22} {}\n",
        "kind", "records", "usable", "numbers", "all read", "changes read"
    );
    for p in progress {
        let size = sizes.iter().find(|size| size.kind == p.kind).cloned().unwrap_or_default();
        let Size { records, usable, numbers, unread, .. } = size;
        let loaded = match (p.loaded_at, p.pass_total) {
            (Some(at), _) => ago(now, at),
            (None, Some(total)) => format!("{} of {total} so far", p.pass_rows),
            (None, None) => "not yet".into(),
        };
        let changes = p.changes_until.map_or_else(|| "not yet".into(), |at| format!("up to {}", ago(now, at)));
        let _ = writeln!(text, "{:<11} {records:>8} {usable:>8} {numbers:>8}  {loaded:<22} {changes}", p.kind);
        if let Some(problem) = &p.problem {
            let _ = writeln!(text, "            the last turn failed: {problem}");
        }
        if p.pass_unreadable > 0 {
            let _ = writeln!(text, "            {}", left_out(p.pass_unreadable));
        }
        if let Some(too_few) = p.too_few() {
            let _ = writeln!(text, "            {too_few}");
            if too_few.can_be_accepted() {
                let _ = writeln!(text, "            if they are gone from Sellsy: {ACCEPT_FEWER}");
            }
        }
        if unread > 0 {
            let fields = if unread == 1 { "field has" } else { "fields have" };
            let _ = writeln!(text, "            {unread} {fields} digits and no number (callbridge directory unread)");
        }
    }
    let read = opportunities.read_at.map_or_else(|| "not yet".into(), |at| ago(now, at));
    let _ = writeln!(
        text,
        "\nopportunities open or late: {}, read {read}; they are read again when a call needs them",
        opportunities.opportunities
    );
    text
}

/// Lists the fields in which people should correct a number.
pub(crate) async fn unread(database: &Database, json: bool) -> anyhow::Result<ExitCode> {
    let fields = contents::unread(&database.client().await?).await?;
    if json {
        say!("{}", serde_json::to_string_pretty(&fields)?);
    } else {
        out::print(unread_table(&fields));
    }
    Ok(ExitCode::SUCCESS)
}

fn unread_table(fields: &[UnreadField]) -> String {
    if fields.is_empty() {
        return "Every field with digits has a number.\n".into();
    }
    let mut text = format!("{:<22} {:<52} typed, masked\n", "record", "problem");
    for field in fields {
        let record = format!("{} {}", field.kind, field.id);
        let _ = writeln!(text, "{record:<22} {:<52} {}", field.problem.to_string(), field.typed);
    }
    text
}

#[cfg(test)]
mod tests {
    use base::phone::Problem;

    use super::*;

    #[test]
    fn fields_without_a_number_are_listed_by_record() {
        let field = |kind: &str, problem, typed: &str| UnreadField {
            kind: kind.into(),
            id: 2005,
            problem,
            typed: typed.into(),
        };
        let fields = [field("individual", Problem::Letter, "** ** ** *2 3O"), field("contact", Problem::Short, "12")];
        let lines: Vec<_> = unread_table(&fields).lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "record                 problem                                              typed, masked",
                "individual 2005        a letter in place of a digit                         ** ** ** *2 3O",
                "contact 2005           too few digits                                       12",
            ]
        );
        assert_eq!(unread_table(&[]), "Every field with digits has a number.\n");
    }

    #[test]
    fn shows_what_is_loaded_and_what_went_wrong() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let progress = [
            Progress {
                kind: "individual".into(),
                loaded_at: at("2026-11-23T06:00:00Z"),
                changes_until: at("2026-11-23T08:55:00Z"),
                pass_ended_at: at("2026-11-23T06:00:00Z"),
                pass_rows: 14,
                pass_total: Some(15),
                ..Progress::default()
            },
            Progress {
                kind: "company".into(),
                pass_rows: 300,
                pass_total: Some(900),
                problem: Some("SELLSY_UNAVAILABLE: no connection".into()),
                ..Progress::default()
            },
            Progress {
                kind: "contact".into(),
                loaded_at: at("2026-11-23T06:00:00Z"),
                pass_ended_at: at("2026-11-23T08:00:00Z"),
                pass_rows: 3,
                pass_total: Some(3),
                pass_unseen: 900,
                ..Progress::default()
            },
        ];
        let size = Size { kind: "individual".into(), records: 14, usable: 12, numbers: 13, unread: 2 };
        let opportunities = Reading { opportunities: 12, read_at: at("2026-11-23T08:58:00Z") };
        let text = render(&progress, &[size], &opportunities, "2026-11-23T09:00:00Z".parse().unwrap());
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "kind records usable numbers all read changes read",
                "individual 14 12 13 3 h ago up to 5 min ago",
                "the last pass could read 14 of 15 rows; nothing was removed",
                "2 fields have digits and no number (callbridge directory unread)",
                "company 0 0 0 300 of 900 so far not yet",
                "the last turn failed: SELLSY_UNAVAILABLE: no connection",
                "contact 0 0 0 3 h ago not yet",
                "the last pass found 3 rows, but 903 records are known; nothing was removed",
                "if they are gone from Sellsy: callbridge directory sync --everything --accept-fewer",
                "",
                "opportunities open or late: 12, read 2 min ago; they are read again when a call needs them",
            ]
        );
    }
}
