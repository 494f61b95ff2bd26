//! `callbridge forget <number>`: erases what is kept about a person.
//!
//! First everything is searched and shown by kind, then the operator is asked, and only then is anything erased: calls
//! from or to the number or that mention it, text messages likewise, calls matched to a person whose record has it, the directory's records,
//! remembered misses, the inbox, and dead letters of every stage. The dead letters stay unacked while the operator thinks,
//! so that no replay can bring them back in the meantime. A row without content remains for each call (`ledger::erase`),
//! so that a late event finds the call erased. Sellsy is another system: the ids of its logs and records are printed, and a
//! person has to erase them there.

mod mentions;
mod print;

use std::{collections::BTreeSet, process::ExitCode};

use crate::audit::Deed;
use crate::dead::letters::UnackedLetter;
use anyhow::Context;
use base::{
    db::{Client, Database},
    health::Readiness,
    ids::Stage,
    out,
    phone::{self, E164, Regions},
    rules::Rules,
    settings::Settings,
    tell,
};
use broker::event::Event;
use clap::Args;
use ingest::inbox;
use jiff::tz::TimeZone;
use ledger::{
    erase::{self, Concerned},
    messages::{self, Talked},
    reports,
};
use resolver::{directory::store, pins};
use tokio_util::sync::CancellationToken;

use crate::{
    arguments::{Wrong, number},
    dead::{DeadLetters, Readers, answered_yes, can_ask},
    filters,
};
use mentions::mentions;
pub(crate) use print::{counts, logs, report};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge forget \"+33 6 39 98 41 07\" --dry-run\n  callbridge forget 0639984107\n  \
    callbridge forget 0639984107 --yes --json\n\nErase the person in Sellsy first: records that are there come back with the next synchronisation. \
    Messages that are still queued cannot be searched: run it again after an hour, when they have been handled. Exit code 0 when all that was \
    found is erased, 1 when nothing was found or something remains, 2 for a wrong number or when there is no terminal to ask on.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The number, with + and the country code or as dialled in DEFAULT_REGION
    #[arg(allow_hyphen_values = true)]
    number: String,
    /// Only show what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn deed(&self) -> Option<Deed> {
        let subject = serde_json::json!({ "number": phone::masked(&self.number) });
        (!self.dry_run).then(|| Deed::of_account("forget", subject))
    }
}

/// All that is stored about the person.
pub(crate) struct Found {
    calls: Vec<Concerned>,
    /// Of text messages: the key, the comment in Sellsy, how many messages.
    conversations: Vec<Talked>,
    /// Calls that are not in the ledger, but in a message that is erased.
    unknown_calls: Vec<i64>,
    pub(crate) records: Vec<(String, i64)>,
    /// Other numbers of the same records. Calls from there are found if they were matched to the record; others are not.
    pub(crate) other_numbers: Vec<String>,
    misses: i64,
    pins: i64,
    /// Saved at the console.
    filters: i64,
    inbox: Vec<i64>,
    letters: Vec<UnackedLetter>,
}

impl Found {
    pub(crate) fn is_nothing(&self) -> bool {
        self.calls.is_empty()
            && self.conversations.is_empty()
            && self.records.is_empty()
            && self.misses == 0
            && self.pins == 0
            && self.filters == 0
            && self.inbox.is_empty()
            && self.letters.is_empty()
    }
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let number = number(settings, &arguments.number)?;
    if !arguments.yes && !arguments.dry_run && !can_ask() {
        let says = "erasing needs a confirmation, and there is no terminal to ask on; add --yes";
        return Err(Wrong(says.to_owned()).into());
    }
    let links_down = CancellationToken::new();
    let readiness = Readiness::default();
    let dead_letters = DeadLetters::new(database, settings, &readiness, links_down.clone());
    dead_letters.open(&readiness).await?;
    let result = forget(database, &dead_letters, settings, &number, arguments).await;
    links_down.cancel();
    result
}

async fn forget(
    database: &Database,
    dead_letters: &DeadLetters,
    settings: &Settings,
    number: &E164,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let countries = (&settings.regions, &*settings.rules);
    let mut client = patient(database).await?;
    let (readers, found) = find(&client, dead_letters, countries, number).await?;
    print::found(&found, arguments)?;
    if found.is_nothing() {
        readers.close().await;
        return Ok(ExitCode::FAILURE);
    }
    if arguments.dry_run {
        readers.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes {
        out::print_beside("Erase all this permanently? [y/N] ");
        if !answered_yes().context("the answer could not be read")? {
            readers.close().await;
            tell!("Nothing was erased.");
            return Ok(ExitCode::FAILURE);
        }
    }
    let erased = erase_all(&mut client, countries, &settings.time_zone, number, found, readers).await?;
    print::erased(&erased, arguments)?;
    Ok(if erased.remains { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Every call is searched, which may take longer than any statement of a worker. The connection is taken out of the pool,
/// so the setting ends with it.
async fn patient(database: &Database) -> anyhow::Result<Client> {
    let client = database.client().await?.detach();
    client.without_limit().await?;
    Ok(client)
}

/// What was erased.
pub(crate) struct Erased {
    pub(crate) found: Found,
    /// New events came in meanwhile.
    pub(crate) remains: bool,
}

async fn erase_all(
    client: &mut Client,
    countries: Countries<'_>,
    zone: &TimeZone,
    number: &E164,
    found: Found,
    readers: Readers,
) -> anyhow::Result<Erased> {
    erase(client, number, &found, zone, readers).await.context("not everything was erased; run it again")?;
    let remaining = calls_about(client, number, countries).await?;
    let remains = !remaining.is_empty() || !conversations_about(client, number).await?.is_empty();
    Ok(Erased { found, remains })
}

/// What would be erased.
pub(crate) async fn preview(
    database: &Database,
    dead_letters: &DeadLetters,
    countries: Countries<'_>,
    number: &E164,
) -> anyhow::Result<Found> {
    dead_letters.prepare().await?;
    let (readers, found) = find(&patient(database).await?, dead_letters, countries, number).await?;
    readers.close().await;
    Ok(found)
}

/// Erases it, without a further question; `None` if nothing is stored.
pub(crate) async fn forget_now(
    database: &Database,
    dead_letters: &DeadLetters,
    countries: Countries<'_>,
    zone: &TimeZone,
    number: &E164,
) -> anyhow::Result<Option<Erased>> {
    dead_letters.prepare().await?;
    let mut client = patient(database).await?;
    let (readers, found) = find(&client, dead_letters, countries, number).await?;
    if found.is_nothing() {
        readers.close().await;
        return Ok(None);
    }
    erase_all(&mut client, countries, zone, number, found, readers).await.map(Some)
}

async fn find(
    client: &Client,
    dead_letters: &DeadLetters,
    countries: Countries<'_>,
    number: &E164,
) -> anyhow::Result<(Readers, Found)> {
    let calls = calls_about(client, number, countries).await?;
    let known: BTreeSet<i64> = calls.iter().map(|call| call.call_id).collect();
    let is_about = |call_id: Option<i64>, body: &[u8]| {
        call_id.is_some_and(|id| known.contains(&id)) || mentions(&String::from_utf8_lossy(body), number)
    };
    let call_id_of = |body: &[u8]| {
        let event = serde_json::from_slice::<Event>(body).ok();
        event.map(|event| event.call_id.0).filter(|id| *id > 0)
    };
    let inbox: Vec<_> = inbox::all(client).await?;
    let inbox: Vec<_> = inbox.into_iter().filter(|(_, body)| is_about(call_id_of(body), body)).collect();
    let wanted = |held: &UnackedLetter| is_about(held.letter.call_id.map(|id| id.0), held.body());
    let (readers, letters) = dead_letters.read(Stage::ALL.to_vec(), wanted).await?;
    let in_messages = inbox.iter().filter_map(|(_, body)| call_id_of(body));
    let in_messages =
        in_messages.chain(letters.iter().filter_map(|held| held.letter.call_id.map(|id| id.0).filter(|id| *id > 0)));
    let unknown_calls: BTreeSet<i64> = in_messages.filter(|id| !known.contains(id)).collect();
    let found = Found {
        unknown_calls: unknown_calls.into_iter().collect(),
        records: store::with_number(client, number).await?,
        other_numbers: store::other_numbers(client, number).await?,
        misses: store::misses(client, number).await?,
        pins: pins::count(client, number).await?,
        filters: filters::count(client, number).await?,
        inbox: inbox.into_iter().map(|(id, _)| id).collect(),
        conversations: conversations_about(client, number).await?,
        calls,
        letters,
    };
    Ok((readers, found))
}

/// Where the other party's number may be dialled.
pub(crate) type Countries<'a> = (&'a Regions, &'a Rules);

/// The calls that are about this person and are not erased yet.
async fn calls_about(client: &Client, number: &E164, countries: Countries<'_>) -> anyhow::Result<Vec<Concerned>> {
    let records = store::with_number(client, number).await?;
    // A company is not a person: calls from its other numbers were made by other people.
    let people: Vec<_> = records.into_iter().filter(|(kind, _)| kind != "company").collect();
    let mut calls = erase::concerned(client, number.last_digits(), &people).await?;
    calls.retain(|call| call.by_record || mentions(&call.text, number) || has_number(call, number, countries));
    Ok(calls)
}

/// The text messages with this number, and those that mention it.
async fn conversations_about(client: &Client, number: &E164) -> anyhow::Result<Vec<Talked>> {
    let mut talked = messages::concerned(client, number).await?;
    talked.retain(|talked| talked.is_with_it || mentions(&talked.text, number));
    Ok(talked)
}

/// Whether the call is from or to the number: it may be written in a way that only the rules of its country can parse. That is the
/// country of the line, or one that the file of rules names for a line.
fn has_number(call: &Concerned, number: &E164, (regions, rules): Countries<'_>) -> bool {
    let mut countries = std::iter::once(regions.of_line(call.line_country.as_deref())).chain(rules.lines.regions());
    let raw = call.raw_digits.as_deref().unwrap_or_default();
    countries.any(|country| phone::parse(raw, country).as_ref() == Some(number))
}

/// Erases the database's part in one transaction, the inbox first because it would bring the rest back; removes the dead
/// letters once that is committed.
async fn erase(
    client: &mut Client,
    number: &E164,
    found: &Found,
    zone: &TimeZone,
    readers: Readers,
) -> anyhow::Result<()> {
    let transaction = client.transaction().await?;
    inbox::remove(transaction.client(), &found.inbox).await?;
    let calls: Vec<i64> = found.calls.iter().map(|call| call.call_id).collect();
    reports::forget_details(transaction.client(), &calls, zone).await?;
    erase::calls(transaction.client(), &calls).await?;
    let conversations: Vec<String> = found.conversations.iter().map(|talked| talked.conversation.clone()).collect();
    messages::erase(transaction.client(), &conversations).await?;
    erase::never_seen(transaction.client(), &found.unknown_calls).await?;
    store::forget(&transaction, number).await?;
    pins::forget(&transaction, number).await?;
    filters::forget(transaction.client(), number).await?;
    transaction.commit().await?;
    let removed = futures_util::future::try_join_all(found.letters.iter().map(UnackedLetter::remove)).await;
    readers.close_after_acks().await;
    removed.map(drop).context("a dead letter could not be removed")
}

#[cfg(test)]
mod tests {
    use base::{phone::Region, rules};

    use super::*;

    #[test]
    fn a_number_is_found_as_any_of_the_countries_dials_it() {
        let call = |raw: &str| Concerned {
            call_id: 1,
            sellsy_id: None,
            log_form: None,
            tasks: Vec::new(),
            raw_digits: Some(raw.to_owned()),
            line_country: Some("FR".to_owned()),
            text: String::new(),
            by_record: false,
            unmatched: false,
            insights: 0,
            lines: 0,
        };
        let london = rules::parse("[lines]\n\"Londres\" = { region = \"GB\" }\n", Region::default()).unwrap();
        let (number, regions) = ("+442079460103".parse().unwrap(), Region::default().into());
        for (raw, rules, expected) in [
            ("+44 20 7946 0103", &Rules::default(), true),
            ("020 7946 0103", &Rules::default(), false),
            ("020 7946 0103", &london, true),
            ("01 99 00 10 01", &london, false),
        ] {
            assert_eq!(has_number(&call(raw), &number, (&regions, rules)), expected, "{raw}");
        }
    }
}
