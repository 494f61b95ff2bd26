//! `callbridge prove`: settles on the user's own accounts what no document says, and keeps the answers for the workers.
//!
//! Without arguments it only reads ([`reads`]). With `--write` it writes a test log on a record that the user names, and deletes it again
//! ([`writes`]); with `--card` it waits for a call and shows cards ([`cards`]). [`told`] says what was found and what follows from it. What
//! cannot be found out stays open, with the reason, and answers from before stay as they are.

mod cards;
mod choose;
mod links;
mod reads;
mod texts;
mod told;
mod writes;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use base::{db::Database, say, settings::Settings, tell};
use clap::Args;
use jiff::SignedDuration;
use ledger::resolution::RecordRef;
use serde_json::{Value, json};
use vendors::{
    aircall::Aircall,
    budget::{Lane, Role},
    proven::{self, Account, Answers, Page},
    sellsy::Sellsy,
    sent,
};

use crate::{arguments, audit::Deed, relink::record, table};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge prove\n  callbridge prove --write contact:4001\n  callbridge prove --card \"+33 6 39 98 41 07\"\n  \
     callbridge prove --kept --json\n  callbridge prove --forget\n\n\
     It is safe on an account in use: without --write and --card it only reads. The answers are kept, and workers go by them within seconds. Exit \
     code 0 if all that was asked is settled, otherwise 1. docs/prove.md says what each answer changes.";

/// The kinds of pages that a person has seen behind their links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened(Vec<String>);

impl Opened {
    fn page(&self, of: &str) -> Page {
        if self.0.iter().any(|one| one == of || one == "all") { Page::There } else { Page::Missing }
    }
}

/// Reads `contact,company`, `all` or `none`.
fn opened(text: &str) -> Result<Opened, String> {
    const WORDS: [&str; 6] = ["individual", "company", "contact", "opportunity", "all", "none"];
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_lowercase()).collect();
    let is_known = words.iter().all(|word| WORDS.contains(&word.as_str()));
    if is_known {
        Ok(Opened(words))
    } else {
        Err("write all, none, or those that do: individual,company,contact,opportunity".into())
    }
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// Also write a test log on this record, read it, change it and delete it again: individual:2005, company:3001 or contact:4001
    #[arg(long, value_name = "RECORD", value_parser = record, conflicts_with_all = ["kept", "forget"])]
    write: Option<RecordRef>,
    /// Also wait for a call from this number, and show test cards to the agent whose phone rings
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, conflicts_with_all = ["kept", "forget"])]
    card: Option<String>,
    /// For how long to wait for the call, and then for its end
    #[arg(long, default_value = "10m", requires = "card")]
    wait: SignedDuration,
    /// Which of the links that this command has shown before open the right page: all, none, or individual,company,contact,opportunity
    #[arg(long, value_name = "KINDS", value_parser = opened, conflicts_with_all = ["kept", "forget"])]
    links_open: Option<Opened>,
    /// Only show what was found before
    #[arg(long)]
    kept: bool,
    /// Forget what was found: workers do as if nobody had asked
    #[arg(long, conflicts_with = "kept")]
    forget: bool,
    /// Print JSON for programs and bug reports: no names, no numbers, no ids
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn deed(&self) -> Option<Deed> {
        if self.kept {
            return None;
        }
        let write = self.write.as_ref().map(|record| format!("{}:{}", record.kind, record.id));
        Some(Deed::of_account("prove", json!({ "write": write, "card": self.card.is_some(), "forget": self.forget })))
    }
}

/// What a run has found, and what it could not find out.
#[derive(Default)]
struct Found {
    sellsy: Answers,
    aircall: Answers,
    open: Vec<Open>,
}

/// A question without an answer.
struct Open {
    question: &'static str,
    why: String,
}

impl Found {
    fn open(&mut self, question: &'static str, why: impl Into<String>) {
        self.open.push(Open { question, why: why.into() });
    }

    /// The answer, or the question stays open.
    fn take<T>(&mut self, question: &'static str, answer: base::error::Result<T>) -> Option<T> {
        answer.map_err(|e| self.open(question, e.message)).ok()
    }
}

/// What is asked with.
struct Asked<'a> {
    settings: &'a Settings,
    database: &'a Database,
    sellsy: Sellsy,
    aircall: Aircall,
    /// What earlier runs have found.
    before: (Answers, Answers),
}

impl Asked<'_> {
    /// At once: whoever dies later has not asked in vain.
    async fn keep(&self, found: &Found) -> anyhow::Result<()> {
        let client = self.database.client().await?;
        Account::of_sellsy(&self.settings.sellsy).keep(&client, &found.sellsy).await?;
        Account::of_aircall(&self.settings.aircall).keep(&client, &found.aircall).await?;
        Ok(())
    }
}

/// What is known of both accounts.
async fn known(database: &Database, settings: &Settings) -> anyhow::Result<(Answers, Answers)> {
    let client = database.client().await?;
    let (sellsy, _) = Account::of_sellsy(&settings.sellsy).answers(&client).await?;
    let (aircall, _) = Account::of_aircall(&settings.aircall).answers(&client).await?;
    Ok((sellsy, aircall))
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let role = || Role::Guest("prove");
    let sellsy = Sellsy::new(&settings.sellsy, database, role()).context("the client for Sellsy")?;
    let aircall = Aircall::new(&settings.aircall, database, role()).context("the client for Aircall")?;
    // Cards are of use during the call only; everything else leaves calls and logs their turn.
    let (sellsy, aircall) = (sellsy.on(Lane::Bulk), aircall.on(Lane::Interactive));
    let asked = Asked { settings, database, sellsy, aircall, before: known(database, settings).await? };
    if arguments.forget {
        let forgotten = proven::forget(&database.client().await?).await?;
        asked.aircall.apply_limit(None).await?;
        say!(
            "{forgotten} answers are forgotten. Workers do as if nobody had asked, within seconds; with the rate of their settings after a restart."
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (open, requests) = if arguments.kept {
        (Vec::new(), None)
    } else {
        let (open, requests) = sent::collect("prove", async {
            let open = Box::pin(ask(&asked, arguments)).await;
            (open, sent::take_requests())
        })
        .await;
        let of = |vendor| requests.iter().filter(|sent| sent.vendor == vendor).map(|sent| sent.times).sum::<u32>();
        (open?, Some((of(base::ids::Vendor::Aircall), of(base::ids::Vendor::Sellsy))))
    };
    // With what earlier runs have found.
    let (sellsy, aircall) = known(database, settings).await?;
    let told = told::all(&sellsy, &aircall);
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&report(&told, &open, requests))?);
    } else {
        print(&told, &open, requests, arguments);
    }
    Ok(if open.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask(asked: &Asked<'_>, arguments: &Arguments) -> anyhow::Result<Vec<Open>> {
    let mut found = Found::default();
    let number = arguments.card.as_ref().map(|number| arguments::number(asked.settings, number)).transpose()?;
    tell!("Reading, at most {} requests to Sellsy and 1 to Aircall ...", reads::MOST_REQUESTS);
    reads::all(asked, arguments.links_open.as_ref(), &mut found).await?;
    asked.keep(&found).await?;
    if let Some(rate) = &found.aircall.rate {
        asked.aircall.apply_limit(rate.per_minute).await?;
    }
    if let Some(record) = &arguments.write {
        tell!("Writing a test log on {}:{}, which is deleted again ...", record.kind, record.id);
        let deleted = writes::all(asked, record, &mut found).await;
        // What was found out counts, whatever becomes of the test log.
        asked.keep(&found).await?;
        deleted?;
    }
    if let Some(number) = &number {
        let wait = Duration::try_from(arguments.wait).unwrap_or_default();
        cards::all(asked, number, wait, &mut found).await?;
        asked.keep(&found).await?;
    }
    Ok(found.open)
}

fn report(told: &[told::Told], open: &[Open], requests: Option<(u32, u32)>) -> Value {
    let open = open.iter().map(|open| json!({ "question": open.question, "why": open.why }));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "settled": told,
        "open": open.collect::<Vec<_>>(),
        "requests": requests.map(|(aircall, sellsy)| json!({ "aircall": aircall, "sellsy": sellsy })),
    })
}

fn print(told: &[told::Told], open: &[Open], requests: Option<(u32, u32)>, arguments: &Arguments) {
    if told.is_empty() {
        say!("Nothing was found out yet.");
    } else {
        let mut table = table(["question", "answer", "what follows"]);
        for told in told {
            table.add_row([told.asks, &told.says, &told.so]);
        }
        say!("{table}");
    }
    for open in open {
        say!("{} stays open: {}.", open.question, open.why);
    }
    if let Some((aircall, sellsy)) = requests {
        say!("{aircall} requests to Aircall, {sellsy} to Sellsy.");
    }
    let is_settled = |question: &str| told.iter().any(|told| told.question == question);
    if arguments.write.is_none() && !is_settled("texts") {
        say!(
            "callbridge prove --write RECORD settles what writing a log does, on a record that you name: contact:4001."
        );
    }
    if arguments.card.is_none() && !is_settled("card") {
        say!("callbridge prove --card NUMBER settles how Aircall takes cards, during a call of yours.");
    }
}
