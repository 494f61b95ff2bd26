//! How Aircall takes insight cards: during a call that somebody makes for this.

use std::time::Duration;

use base::{
    ids::CallId,
    phone::{self, Caller, E164},
    tell,
};
use jiff::Timestamp;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use vendors::{
    aircall::wire::{CardLine, InsightCard},
    proven::Card,
};

use super::{Asked, Found};
use crate::call;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Lines of cards that are tried, until one is accepted. Ours have nine at most.
const LINES: [usize; 4] = [20, 9, 5, 2];

pub(super) async fn all(asked: &Asked<'_>, number: &E164, wait: Duration, found: &mut Found) -> anyhow::Result<()> {
    let since = asked.database.client().await?.now().await?;
    tell!("Call a line of yours now from {number}, and let it ring: test cards appear in the agent's phone.");
    let Some(call) = next(asked, number, since, wait).await? else {
        found.open("card", format!("no call came from there within {} s; do the workers run?", wait.as_secs()));
        return Ok(());
    };
    tell!("Call {call}: cards are shown.");
    let Some(shown) = during(asked, call, found).await else { return Ok(()) };
    tell!("Hang up now.");
    let late = late(asked, call, wait, found).await?;
    // What was known of it before still counts.
    let late = late.map(|late| late.as_u16()).or(asked.before.1.card.and_then(|card| card.late));
    found.aircall.card = Some(Card { late, ..shown });
    Ok(())
}

/// The next call from there that goes on.
async fn next(asked: &Asked<'_>, number: &E164, since: Timestamp, wait: Duration) -> anyhow::Result<Option<CallId>> {
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        let client = asked.database.client().await?;
        for (call, raw_digits) in call::since(&client, since).await? {
            let from = phone::classify(raw_digits.as_deref(), asked.settings.regions.first());
            if from == Caller::Number(number.clone()) && !call::has_ended(&client, call).await? {
                return Ok(Some(call));
            }
        }
        drop(client);
        sleep(LOOK_EVERY).await;
    }
    Ok(None)
}

async fn during(asked: &Asked<'_>, call: CallId, found: &mut Found) -> Option<Card> {
    // The resolver may have shown its own before, so the second is tried either way.
    let first = found.take("card", asked.aircall.try_card(call, &card(1)).await)?;
    let second = found.take("card", asked.aircall.try_card(call, &card(1)).await)?;
    let shown =
        Card { first: first.as_u16(), second: second.as_u16(), late: None, lines: LINES[0], more_refused: false };
    // Where a second card is refused, nothing can be said of its lines.
    if !second.is_success() {
        return Some(shown);
    }
    let mut accepted = 1;
    for lines in LINES {
        let answer = found.take("card", asked.aircall.try_card(call, &card(lines)).await)?;
        if answer.is_success() {
            accepted = lines;
            break;
        }
        if !matches!(answer.as_u16(), 400 | 413 | 422) {
            found.open(
                "card",
                format!("a card of {lines} lines was answered with {answer}: let the next call ring for longer"),
            );
            return None;
        }
    }
    // Otherwise something else than its lines was refused: the call may be over.
    let control = found.take("card", asked.aircall.try_card(call, &card(1)).await)?;
    if !control.is_success() {
        found.open("card", "the call ended before all was tried: let the next one ring for longer");
        return None;
    }
    Some(Card { lines: accepted, more_refused: accepted != LINES[0], ..shown })
}

async fn late(
    asked: &Asked<'_>,
    call: CallId,
    wait: Duration,
    found: &mut Found,
) -> anyhow::Result<Option<StatusCode>> {
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        if call::has_ended(&asked.database.client().await?, call).await? {
            let answer = asked.aircall.try_card(call, &card(1)).await;
            return Ok(found.take("card", answer));
        }
        sleep(LOOK_EVERY).await;
    }
    found.open("card", "the call went on for too long: what a card after it is answered with is not known");
    Ok(None)
}

fn card(lines: usize) -> InsightCard {
    let title = CardLine::Title { text: "Callbridge prove: a test".into(), link: None };
    let line = |n| CardLine::ShortText { label: format!("Line {n}"), text: "A test card".into(), link: None };
    InsightCard { contents: std::iter::once(title).chain((2..=lines).map(line)).collect() }
}
