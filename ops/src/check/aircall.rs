//! Aircall: its credential, the webhook and its events, the clock.

use base::{db::Database, error::with_causes, ids::Vendor, settings::Settings};
use ingest::{
    tokens::Tokens,
    webhooks::{self, Health},
};
use jiff::Timestamp;
use vendors::{
    aircall::Aircall,
    budget::{Lane, Role},
};

use super::{
    Finding, Verdict, by_rules, clock, look, rules,
    said::{name, quoted},
    texts,
};

/// The answer to the ping, the webhooks, and what the rules name.
pub(super) fn requests(settings: &Settings) -> usize {
    if settings.aircall.has_credential() { 2 + by_rules::requests_to_aircall(settings) } else { 0 }
}

pub(super) async fn findings(settings: &Settings, database: Option<&Database>) -> Vec<Finding> {
    let rest = [texts::AIRCALL_WEBHOOK, texts::AIRCALL_CLOCK];
    let stop_after = |first: Finding| {
        let rest = rest.map(|what| Verdict::not_checked(texts::AIRCALL_SILENT).about(what));
        std::iter::once(first).chain(rest).collect()
    };
    if !settings.aircall.has_credential() {
        return stop_after(
            Verdict::not_checked(texts::OR_IS_MISSING.with([name("AIRCALL_API_ID"), name("AIRCALL_API_TOKEN")]))
                .about(texts::AIRCALL),
        );
    }
    let Some(database) = database else {
        return stop_after(Verdict::not_checked(texts::NO_BUDGET).about(texts::AIRCALL));
    };
    let aircall = match Aircall::new(&settings.aircall, database, Role::Guest("check")) {
        Ok(aircall) => aircall.on(Lane::Interactive),
        Err(e) => {
            return stop_after(Verdict::failed(quoted(with_causes(e.as_ref())), texts::BUG).about(texts::AIRCALL));
        }
    };
    let mut clock = None;
    let ping = look(texts::AIRCALL, async {
        let asked_at = Timestamp::now();
        match aircall.ping().await {
            Ok(date) => {
                let no_date = || Verdict::ok(texts::ANSWERED_WITHOUT_DATE);
                clock = Some(date.map_or_else(no_date, |date| clock::verdict(asked_at, date)));
                Verdict::ok(texts::ACCEPTED)
            }
            Err(e) => rules::api(&e, "AIRCALL_API_URL", texts::AIRCALL_CREDENTIAL),
        }
    })
    .await;
    let Some(clock) = clock else { return stop_after(ping) };
    let webhook = look(texts::AIRCALL_WEBHOOK, async {
        // It is known by its token.
        let tokens = match database.client().await {
            Ok(client) => Tokens::set_for_aircall(&settings.aircall).with_noted(&client, Vendor::Aircall).await,
            Err(e) => Err(e),
        };
        let tokens = match tokens {
            Ok(tokens) if tokens.is_empty() => return Verdict::failed(texts::NO_TOKEN, texts::NO_TOKEN_CURE),
            Ok(tokens) => tokens,
            Err(e) => return Verdict::not_checked(texts::TOKENS_NOT_READ.with([quoted(e)])),
        };
        match aircall.webhooks().await {
            Ok(all) => {
                let needed = webhooks::needed(&settings.rules);
                webhook_verdict(webhooks::health(&all, &tokens, &needed), needed.len())
            }
            Err(e) => rules::api(&e, "AIRCALL_API_URL", texts::AIRCALL_CREDENTIAL),
        }
    })
    .await;
    let by_rules = by_rules::of_aircall(&aircall, settings, texts::AIRCALL_CREDENTIAL).await;
    [ping, webhook, clock.about(texts::AIRCALL_CLOCK)].into_iter().chain(by_rules).collect()
}

fn webhook_verdict(health: Health, needed: usize) -> Verdict {
    match health {
        Health::Delivers => Verdict::ok(texts::WEBHOOK_DELIVERS.with([name(needed)])),
        Health::Lacks(missing) => {
            Verdict::failed(texts::WEBHOOK_LACKS.with([name(missing.join(", "))]), texts::WEBHOOK_LACKS_CURE)
        }
        Health::Disabled => Verdict::failed(texts::WEBHOOK_DISABLED, texts::WEBHOOK_DISABLED_CURE),
        Health::None => Verdict::failed(texts::WEBHOOK_NONE, texts::WEBHOOK_NONE_CURE),
    }
}
