//! How Aircall takes insight cards: during a call that somebody makes for this.

use std::time::Duration;

use base::{ids::CallId, tell};
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

pub(super) async fn all(asked: &Asked<'_>, wait: Duration, found: &mut Found) -> anyhow::Result<()> {
    let since = asked.database.client().await?.now().await?;
    tell!("Call a line of yours now, and let it ring: test cards appear in the agent's phone.");
    let Some(call) = next(asked, since, wait).await? else {
        found.open("card", format!("no call came within {} s; do the workers run?", wait.as_secs()));
        return Ok(());
    };
    tell!("Call {call}: cards are shown.");
    let Some((first, second, lines)) = during(asked, call, found).await else { return Ok(()) };
    if call::has_ended(&asked.database.client().await?, call).await? {
        found.open("card", "the call ended before all was tried: let the next one ring for longer");
        return Ok(());
    }
    let more_refused = lines != LINES[0];
    tell!("Hang up now.");
    let late = late(asked, call, wait, found).await?;
    let card = Card {
        first: first.as_u16(),
        second: second.as_u16(),
        late: late.map(|late| late.as_u16()),
        lines,
        more_refused,
    };
    found.aircall.card = Some(card);
    Ok(())
}

/// The next call that goes on.
async fn next(asked: &Asked<'_>, since: Timestamp, wait: Duration) -> anyhow::Result<Option<CallId>> {
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        let client = asked.database.client().await?;
        if let Some(call) = call::newest(&client, since).await?
            && !call::has_ended(&client, call).await?
        {
            return Ok(Some(call));
        }
        drop(client);
        sleep(LOOK_EVERY).await;
    }
    Ok(None)
}

async fn during(asked: &Asked<'_>, call: CallId, found: &mut Found) -> Option<(StatusCode, StatusCode, usize)> {
    // The resolver may have shown its own before, so the second is tried either way.
    let first = found.take("card", asked.aircall.try_card(call, &card(1)).await)?;
    let second = found.take("card", asked.aircall.try_card(call, &card(1)).await)?;
    let mut accepted = 1;
    // Where a second card is refused, nothing can be said of its lines.
    if second.is_success() {
        for lines in LINES {
            if found.take("card", asked.aircall.try_card(call, &card(lines)).await)?.is_success() {
                accepted = lines;
                break;
            }
        }
    } else {
        accepted = LINES[0];
    }
    Some((first, second, accepted))
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
