//! `callbridge forget <number>`: erases what is kept about a person.
//!
//! Everything is looked for before anything is erased, shown by kind, and asked about: calls from or to the number or that
//! mention it, calls that were found to be of a person whose record has it, the directory's records, remembered misses, the
//! inbox, and parked messages of every stage. Letters are held while somebody thinks, so no replay can bring them back
//! meanwhile. Of each call stays a row without content (`ledger::erase`), by which a late event finds it erased. Sellsy
//! is another system: its logs and records are told by id, and a person has to erase them there.

mod mentions;
mod tell;

use std::{collections::BTreeSet, process::ExitCode};

use crate::dead::letters::Held;
use anyhow::Context;
use base::{
    db::{Client, Database},
    health::Readiness,
    ids::Stage,
    phone::{self, E164, Region},
    settings::Settings,
};
use broker::event::Event;
use clap::Args;
use ingest::inbox;
use ledger::erase::{self, Concerned};
use resolver::directory::store;
use tokio_util::sync::CancellationToken;

use crate::dead::{Desk, Hand, can_ask, said_yes};
use mentions::mentions;

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge forget \"+33 6 39 98 41 07\" --dry-run\n  callbridge forget 0639984107\n  \
    callbridge forget 0639984107 --yes --json\n\nErase the person in Sellsy first: what is there comes back with the next synchronisation. What \
    stands in messages that wait for their turn is found when they have been handled: run it again after an hour. Exit code 0 when all \
    that was found is erased, 1 when nothing was found or something is left, 2 for a wrong number or when there is nobody to ask.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The number, with + and the country code or as dialled in DEFAULT_REGION
    #[arg(allow_hyphen_values = true)]
    number: String,
    /// Only tell what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// All that is known of the person.
struct Found {
    calls: Vec<Concerned>,
    /// Calls that the ledger does not know, but a message that is erased.
    unknown_calls: Vec<i64>,
    records: Vec<(String, i64)>,
    /// Of the same records; the person's calls from there are known by the record, others are not.
    other_numbers: Vec<String>,
    misses: i64,
    inbox: Vec<i64>,
    letters: Vec<Held>,
}

impl Found {
    fn is_nothing(&self) -> bool {
        self.calls.is_empty()
            && self.records.is_empty()
            && self.misses == 0
            && self.inbox.is_empty()
            && self.letters.is_empty()
    }
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(number) = phone::parse(&arguments.number, settings.default_region) else {
        eprintln!(
            "callbridge: that is no phone number (write it with + and the country code, or as dialled in DEFAULT_REGION)"
        );
        return Ok(ExitCode::from(2));
    };
    if !arguments.yes && !arguments.dry_run && !can_ask() {
        eprintln!("callbridge: forgetting asks first, and here is nobody to ask; say --yes");
        return Ok(ExitCode::from(2));
    }
    let links_down = CancellationToken::new();
    let readiness = Readiness::default();
    let desk = Desk::new(database, settings, &readiness, links_down.clone());
    desk.open(&readiness).await?;
    let ended = forget(database, &desk, settings.default_region, &number, arguments).await;
    links_down.cancel();
    ended
}

async fn forget(
    database: &Database,
    desk: &Desk,
    region: Region,
    number: &E164,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    // Every call is looked through, which may take longer than any statement of a worker; the connection goes with that.
    let mut client = database.client().await?.detach();
    let client: &mut Client = &mut client;
    client.batch_execute("set statement_timeout = 0").await?;
    let (hand, found) = find(client, desk, region, number).await?;
    tell::found(&found, arguments)?;
    if found.is_nothing() {
        hand.let_go().await;
        return Ok(ExitCode::FAILURE);
    }
    if arguments.dry_run {
        hand.let_go().await;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes {
        eprint!("Erase all this for good? [y/N] ");
        if !said_yes().context("the answer could not be read")? {
            hand.let_go().await;
            eprintln!("Nothing was erased.");
            return Ok(ExitCode::FAILURE);
        }
    }
    let erased = erase(client, number, &found, hand).await;
    erased.context("not all was erased; run it again")?;
    let left = concerned(client, number, region).await?;
    tell::done(&found, !left.is_empty(), arguments)?;
    Ok(if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn find(client: &Client, desk: &Desk, region: Region, number: &E164) -> anyhow::Result<(Hand, Found)> {
    let calls = concerned(client, number, region).await?;
    let known: BTreeSet<i64> = calls.iter().map(|call| call.call_id).collect();
    let concerns = |call_id: Option<i64>, body: &[u8]| {
        call_id.is_some_and(|id| known.contains(&id)) || mentions(&String::from_utf8_lossy(body), number)
    };
    let call_of = |body: &[u8]| {
        let event = serde_json::from_slice::<Event>(body).ok();
        event.map(|event| event.call_id.0).filter(|id| *id != 0)
    };
    let inbox: Vec<_> = inbox::all(client).await?;
    let inbox: Vec<_> = inbox.into_iter().filter(|(_, body)| concerns(call_of(body), body)).collect();
    let wanted = |held: &Held| concerns(held.letter.call_id.map(|id| id.0), held.body());
    let (hand, letters) = desk.take(Stage::ALL.to_vec(), wanted).await?;
    let told = inbox.iter().filter_map(|(_, body)| call_of(body));
    let told = told.chain(letters.iter().filter_map(|held| held.letter.call_id.map(|id| id.0)));
    let unknown_calls: BTreeSet<i64> = told.filter(|id| !known.contains(id)).collect();
    let found = Found {
        unknown_calls: unknown_calls.into_iter().collect(),
        records: store::with_number(client, number).await?,
        other_numbers: store::other_numbers(client, number).await?,
        misses: store::misses(client, number).await?,
        inbox: inbox.into_iter().map(|(id, _)| id).collect(),
        calls,
        letters,
    };
    Ok((hand, found))
}

/// The calls that are about this person and are not erased yet.
async fn concerned(client: &Client, number: &E164, region: Region) -> anyhow::Result<Vec<Concerned>> {
    let records = store::with_number(client, number).await?;
    // A company is not a person: those who called from its other numbers are others.
    let people: Vec<_> = records.into_iter().filter(|(kind, _)| kind != "company").collect();
    let mut calls = erase::concerned(client, number.significant_digits(), &people).await?;
    calls.retain(|call| call.by_record || mentions(&call.text, number) || is_theirs(call, number, region));
    Ok(calls)
}

/// The call's own number may be typed in a way that only the rules of its country make sense of.
fn is_theirs(call: &Concerned, number: &E164, region: Region) -> bool {
    call.raw_digits.as_deref().and_then(|raw| phone::parse(raw, region)).as_ref() == Some(number)
}

/// First what would bring the rest back, then the rest, all of the database at once; letters go when that is done.
async fn erase(client: &mut Client, number: &E164, found: &Found, hand: Hand) -> anyhow::Result<()> {
    let transaction = client.transaction().await?;
    inbox::remove(transaction.client(), &found.inbox).await?;
    let calls: Vec<i64> = found.calls.iter().map(|call| call.call_id).collect();
    erase::calls(transaction.client(), &calls).await?;
    erase::never_seen(transaction.client(), &found.unknown_calls).await?;
    store::forget(&transaction, number).await?;
    transaction.commit().await?;
    let dropped = futures_util::future::try_join_all(found.letters.iter().map(Held::drop_letter)).await;
    hand.let_go_of_the_rest().await;
    dropped.map(drop).context("a parked message could not be removed")
}
