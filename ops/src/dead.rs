//! `callbridge dead`: lists dead letters and why they were parked, replays them to their work queue, or drops them.
//!
//! All dead letters of a stage are consumed at once without being acked. They return to their queue unless they are
//! replayed or dropped (`letters.rs`), so listing removes nothing, and an interrupted command loses nothing. Only one
//! command, page or job reads dead letters at a time: a second reader would see only some of them.

pub(crate) mod act;
pub(crate) mod letters;
pub(crate) mod print;

pub(crate) use act::{answered_yes, can_ask};

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use base::{
    db::{self, Database},
    error::Code,
    health::Readiness,
    ids::Stage,
    settings::Settings,
};
use broker::{
    amqp::{Link, Publisher},
    topology::Names,
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use futures_util::future::{join_all, try_join_all};
use tokio_util::sync::CancellationToken;

use letters::{Reader, UnackedLetter};

use crate::audit::Deed;
use crate::{CONNECT_TIMEOUT, arguments::Wrong};

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for another reader. Listing takes less than a second; a replay, or waiting for an answer, takes longer.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Subcommand)]
pub(crate) enum Dead {
    /// Lists dead letters by stage and error code: how many, since when, which; with --json every one of them
    #[command(
        after_help = "Examples:\n  callbridge dead list\n  callbridge dead list --stage logger --json | jq '.[].letters[].call_id'"
    )]
    List {
        #[command(flatten)]
        filter: Filter,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Shows one dead letter: what went wrong, since when, and its headers
    #[command(after_help = "Examples:\n  callbridge dead show 019ab1f2-7c1d-7e52-8d0b-5a1f4c0b7d10")]
    Show {
        /// The id that `callbridge dead list` prints
        id: String,
        /// Print the body too; it may contain phone numbers and names
        #[arg(long)]
        payload: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Sends dead letters back to their work queue, with the attempts at zero
    #[command(
        after_help = "Examples:\n  callbridge dead replay --code SELLSY_FORBIDDEN --dry-run\n  callbridge dead replay --stage logger --code SELLSY_FORBIDDEN\n  \
                      callbridge dead replay --all\n\nCtrl-C stops it; what has not been replayed yet stays a dead letter."
    )]
    Replay {
        #[command(flatten)]
        which: Selection,
        /// Only show what would be replayed
        #[arg(long)]
        dry_run: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Deletes dead letters permanently, after asking
    #[command(
        after_help = "Examples:\n  callbridge dead drop 019ab1f2-7c1d-7e52-8d0b-5a1f4c0b7d10\n  callbridge dead drop --stage ingest --yes"
    )]
    Drop {
        #[command(flatten)]
        which: Selection,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Default)]
pub(crate) struct Filter {
    /// Only dead letters of this stage
    #[arg(long, value_parser = PossibleValuesParser::new(Stage::ALL.map(Stage::as_str)))]
    stage: Option<String>,
    /// Only dead letters with this error code
    #[arg(long, value_parser = parse_code)]
    code: Option<String>,
}

#[derive(Args)]
#[group(id = "which", required = true, multiple = true, args = ["id", "stage", "code", "all"])]
pub(crate) struct Selection {
    /// The dead letter with this id
    #[arg(conflicts_with_all = ["stage", "code", "all"])]
    id: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// All dead letters
    #[arg(long, conflicts_with_all = ["stage", "code"])]
    all: bool,
}

/// Parses a code; `UNKNOWN` selects dead letters without one.
fn parse_code(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    if code == "UNKNOWN" || Code::ALL.iter().any(|known| known.as_str() == code) {
        return Ok(code);
    }
    Err("no such error code; docs/errors.md lists them all".into())
}

impl Dead {
    pub(crate) fn deed(&self) -> Option<Deed> {
        let (act, Selection { id, filter, all }) = match self {
            Dead::Replay { which, dry_run: false, .. } => ("replay", which),
            Dead::Drop { which, .. } => ("drop", which),
            _ => return None,
        };
        let all = all.then_some("yes");
        let fields =
            [("id", id.as_deref()), ("stage", filter.stage.as_deref()), ("code", filter.code.as_deref()), ("all", all)];
        let subject = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        Some(Deed::of_account(act, serde_json::Value::Object(subject.collect())))
    }
}

impl Filter {
    fn stages(&self) -> Vec<Stage> {
        let wanted = |stage: &Stage| self.stage.as_deref().is_none_or(|wanted| wanted == stage.as_str());
        Stage::ALL.into_iter().filter(wanted).collect()
    }

    fn matches(&self, held: &UnackedLetter) -> bool {
        self.code.as_ref().is_none_or(|code| *code == held.letter.code)
    }
}

impl Selection {
    fn matches(&self, held: &UnackedLetter) -> bool {
        self.id.as_ref().is_none_or(|id| *id == held.letter.id) && self.filter.matches(held)
    }
}

pub(crate) async fn run(database: &Database, settings: &Settings, command: Dead) -> anyhow::Result<ExitCode> {
    // Refused at once, because a script would wait forever for an answer.
    if let Dead::Drop { yes: false, .. } = command
        && !can_ask()
    {
        let says = "dropping needs a confirmation, and there is no terminal to ask on; add --yes";
        return Err(Wrong(says.to_owned()).into());
    }
    let (links_down, readiness) = (CancellationToken::new(), Readiness::default());
    let dead_letters = DeadLetters::new(database, settings, &readiness, links_down.clone());
    dead_letters.open(&readiness).await?;
    let ended = match command {
        Dead::List { filter, json } => print::list(&dead_letters, &filter, json).await,
        Dead::Show { id, payload, json } => print::show(&dead_letters, &id, payload, json).await,
        Dead::Replay { which, dry_run, json } => act::replay(&dead_letters, &which, dry_run, json).await,
        Dead::Drop { which, yes, json } => act::drop_letters(&dead_letters, &which, yes, json).await,
    };
    links_down.cancel();
    ended
}

/// Access to the dead letters, for the commands and the console.
#[derive(Clone)]
pub(crate) struct DeadLetters {
    database: Database,
    pub(crate) names: Names,
    pub(crate) link: Link,
    publisher: Publisher,
}

impl DeadLetters {
    /// Starts connecting to the broker.
    pub(crate) fn new(
        database: &Database,
        settings: &Settings,
        readiness: &Readiness,
        down: CancellationToken,
    ) -> Self {
        let condition = readiness.condition("broker");
        let link = Link::start(&settings.amqp_url, "callbridge dead".into(), condition, down);
        let names = Names::new(settings.amqp_namespace.clone());
        let publisher = Publisher::new(link.clone(), names.clone(), PUBLISH_TIMEOUT);
        Self { database: database.clone(), names, link, publisher }
    }

    /// Waits for the connection to the broker and declares the queues.
    pub(crate) async fn open(&self, readiness: &Readiness) -> anyhow::Result<()> {
        if tokio::time::timeout(CONNECT_TIMEOUT, self.link.connected()).await.is_err() {
            let reasons: Vec<String> = readiness.missing().into_iter().map(|(_, reason)| reason).collect();
            anyhow::bail!("{}; check AMQP_URL", reasons.join("; "));
        }
        self.prepare().await
    }

    pub(crate) async fn prepare(&self) -> anyhow::Result<()> {
        self.publisher.prepare().await.context("the queues could not be declared")
    }

    /// Reads the dead letters of these stages and returns those that `wanted` selects. All of them stay unacked, and no
    /// other command can read any, until the returned readers are closed.
    pub(crate) async fn read(
        &self,
        stages: Vec<Stage>,
        wanted: impl Fn(&UnackedLetter) -> bool,
    ) -> anyhow::Result<(Readers, Vec<UnackedLetter>)> {
        let lock = self.database.lock("dead letters", LOCK_TIMEOUT).await?;
        let lock = lock.context("another command or page is reading the dead letters; try again when it has ended")?;
        let wanted = &wanted;
        let all = stages.into_iter().map(|stage| async move {
            let opened = Reader::open(&self.link, &self.names, stage).await;
            let mut reader =
                opened.with_context(|| format!("the dead letters of {} cannot be read", stage.as_str()))?;
            let mut letters = Vec::new();
            let keep_wanted = |held: UnackedLetter| letters.extend(wanted(&held).then_some(held));
            reader.read(keep_wanted).await?;
            anyhow::Ok((reader, letters))
        });
        let (readers, letters): (Vec<_>, Vec<_>) = try_join_all(all).await?.into_iter().unzip();
        Ok((Readers { open: readers, _lock: lock }, letters.into_iter().flatten().collect()))
    }
}

/// The open readers of some stages. Until they are closed, their dead letters stay unacked, and no other command, page or
/// job can read any.
pub(crate) struct Readers {
    open: Vec<Reader>,
    /// The session that has the advisory lock.
    _lock: db::Client,
}

impl Readers {
    /// Closes the readers; what was not acked returns to the queues.
    pub(crate) async fn close(self) {
        join_all(self.open.into_iter().map(Reader::close)).await;
    }

    /// The same as [`Self::close`], after some dead letters were acked.
    pub(crate) async fn close_after_acks(mut self) {
        self.open.iter_mut().for_each(Reader::note_acks);
        self.close().await;
    }
}
