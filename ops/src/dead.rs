//! `callbridge dead`: what is parked, why, and sending it back to work or dropping it.
//!
//! Letters are taken in hand all at once and return to their queue unless they were replayed or dropped (`letters.rs`),
//! so looking takes nothing away, and a command that is broken off loses nothing. Only one such command, page or job has them at
//! a time.

pub(crate) mod act;
pub(crate) mod letters;
pub(crate) mod tell;

pub(crate) use act::{can_ask, said_yes};

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

use letters::{Held, Reader};

use crate::PATIENCE;

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// A look takes less than a second; a replay, or somebody who is being asked, takes longer.
const UNTIL_FREE: Duration = Duration::from_secs(5);

#[derive(Subcommand)]
pub(crate) enum Dead {
    /// What is parked, by stage and error code: how many, since when, and one of them as an example
    #[command(after_help = "Examples:\n  callbridge dead list\n  callbridge dead list --stage logger --json")]
    List {
        #[command(flatten)]
        group: Group,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// One parked message: what went wrong, since when, and its headers
    #[command(after_help = "Examples:\n  callbridge dead show 019ab1f2-7c1d-7e52-8d0b-5a1f4c0b7d10")]
    Show {
        /// As `callbridge dead list` prints it
        id: String,
        /// Print the body as well; it may hold phone numbers and names
        #[arg(long)]
        payload: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Sends parked messages back to work, with fresh attempts
    #[command(
        after_help = "Examples:\n  callbridge dead replay --code SELLSY_FORBIDDEN --dry-run\n  callbridge dead replay --stage logger --code SELLSY_FORBIDDEN\n  \
                      callbridge dead replay --all\n\nCtrl-C stops it; what was not replayed yet stays parked."
    )]
    Replay {
        #[command(flatten)]
        which: Which,
        /// Only tell what would be replayed
        #[arg(long)]
        dry_run: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Deletes parked messages for good, after asking
    #[command(
        after_help = "Examples:\n  callbridge dead drop 019ab1f2-7c1d-7e52-8d0b-5a1f4c0b7d10\n  callbridge dead drop --stage ingest --yes"
    )]
    Drop {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Default)]
pub(crate) struct Group {
    /// Those of this stage
    #[arg(long, value_parser = PossibleValuesParser::new(Stage::ALL.map(Stage::as_str)))]
    stage: Option<String>,
    /// Those with this error code
    #[arg(long, value_parser = code)]
    code: Option<String>,
}

#[derive(Args)]
#[group(id = "which", required = true, multiple = true, args = ["id", "stage", "code", "all"])]
pub(crate) struct Which {
    /// The one with this id
    #[arg(conflicts_with_all = ["stage", "code", "all"])]
    id: Option<String>,
    #[command(flatten)]
    group: Group,
    /// All that are parked
    #[arg(long, conflicts_with_all = ["stage", "code"])]
    all: bool,
}

/// A letter may have a code of another version, or none.
fn code(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    if code == "UNKNOWN" || Code::ALL.iter().any(|known| known.as_str() == code) {
        return Ok(code);
    }
    Err("no such error code; docs/errors.md has them all".into())
}

impl Group {
    fn stages(&self) -> Vec<Stage> {
        let wanted = |stage: &Stage| self.stage.as_deref().is_none_or(|wanted| wanted == stage.as_str());
        Stage::ALL.into_iter().filter(wanted).collect()
    }

    fn takes(&self, held: &Held) -> bool {
        self.code.as_ref().is_none_or(|code| *code == held.letter.code)
    }
}

impl Which {
    fn takes(&self, held: &Held) -> bool {
        self.id.as_ref().is_none_or(|id| *id == held.letter.id) && self.group.takes(held)
    }
}

pub(crate) async fn run(database: &Database, settings: &Settings, command: Dead) -> anyhow::Result<ExitCode> {
    // Refused before anything is looked at: a script would wait for ever.
    if let Dead::Drop { yes: false, .. } = command
        && !can_ask()
    {
        eprintln!("callbridge: dropping asks first, and here is nobody to ask; say --yes");
        return Ok(ExitCode::from(2));
    }
    let (links_down, readiness) = (CancellationToken::new(), Readiness::default());
    let desk = Desk::new(database, settings, &readiness, links_down.clone());
    desk.open(&readiness).await?;
    let ended = match command {
        Dead::List { group, json } => tell::list(&desk, &group, json).await,
        Dead::Show { id, payload, json } => tell::show(&desk, &id, payload, json).await,
        Dead::Replay { which, dry_run, json } => act::replay(&desk, &which, dry_run, json).await,
        Dead::Drop { which, yes, json } => act::drop_letters(&desk, &which, yes, json).await,
    };
    links_down.cancel();
    ended
}

/// What the commands and the console work with.
#[derive(Clone)]
pub(crate) struct Desk {
    database: Database,
    pub(crate) names: Names,
    pub(crate) link: Link,
    publisher: Publisher,
}

impl Desk {
    /// Begins to connect to the broker.
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

    pub(crate) async fn open(&self, readiness: &Readiness) -> anyhow::Result<()> {
        if tokio::time::timeout(PATIENCE, self.link.connected()).await.is_err() {
            let reasons: Vec<String> = readiness.missing().into_iter().map(|(_, reason)| reason).collect();
            anyhow::bail!("{}; check AMQP_URL", reasons.join("; "));
        }
        self.prepare().await
    }

    pub(crate) async fn prepare(&self) -> anyhow::Result<()> {
        self.publisher.prepare().await.context("the queues could not be declared")
    }

    /// All letters of these stages that are wanted, and the hand that holds them.
    pub(crate) async fn take(
        &self,
        stages: Vec<Stage>,
        wanted: impl Fn(&Held) -> bool,
    ) -> anyhow::Result<(Hand, Vec<Held>)> {
        let alone = self.database.lock("dead letters", UNTIL_FREE).await?;
        let alone = alone
            .context("the dead letters are in the hands of another command or page; try again when it has ended")?;
        let wanted = &wanted;
        let all = stages.into_iter().map(|stage| async move {
            let opened = Reader::open(&self.link, &self.names, stage).await;
            let mut reader =
                opened.with_context(|| format!("the dead letters of {} cannot be read", stage.as_str()))?;
            let mut letters = Vec::new();
            let put = |held: Held| letters.extend(wanted(&held).then_some(held));
            reader.read(put).await?;
            anyhow::Ok((reader, letters))
        });
        let (readers, letters): (Vec<_>, Vec<_>) = try_join_all(all).await?.into_iter().unzip();
        Ok((Hand { readers, _alone: alone }, letters.into_iter().flatten().collect()))
    }
}

/// Holds letters, and keeps everybody else from taking any meanwhile.
pub(crate) struct Hand {
    readers: Vec<Reader>,
    _alone: db::Client,
}

impl Hand {
    /// What it holds returns to the queues.
    pub(crate) async fn let_go(self) {
        join_all(self.readers.into_iter().map(Reader::close)).await;
    }

    /// As [`Self::let_go`], after letters were acked.
    pub(crate) async fn let_go_of_the_rest(mut self) {
        self.readers.iter_mut().for_each(Reader::settled);
        self.let_go().await;
    }
}
