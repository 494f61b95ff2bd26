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

use super::{Finding, Verdict, by_rules, clock, look, rules};

const INSTALL: &str = "callbridge webhook install --url https://<your host>/webhooks/aircall";
pub(super) const CREDENTIAL: &str =
    "AIRCALL_API_ID and AIRCALL_API_TOKEN (Aircall's Dashboard > Integrations > API keys)";

pub(super) async fn findings(settings: &Settings, database: Option<&Database>) -> Vec<Finding> {
    let rest = ["Aircall webhook", "clock of Aircall"];
    let stop_after = |first: Finding| {
        let rest = rest.map(|what| Verdict::not_checked("Aircall cannot be asked").about(what));
        std::iter::once(first).chain(rest).collect()
    };
    if !settings.aircall.has_credential() {
        return stop_after(Verdict::not_checked("AIRCALL_API_ID or AIRCALL_API_TOKEN is missing").about("Aircall"));
    }
    let Some(database) = database else {
        let because = "every request goes through the budget, which is in the database, and that cannot be used";
        return stop_after(Verdict::not_checked(because).about("Aircall"));
    };
    let aircall = match Aircall::new(&settings.aircall, database, Role::Guest("check")) {
        Ok(aircall) => aircall.on(Lane::Interactive),
        Err(e) => return stop_after(Verdict::failed(with_causes(e.as_ref()), "report this as a bug").about("Aircall")),
    };
    let mut clock = None;
    let ping = look("Aircall", async {
        let asked_at = Timestamp::now();
        match aircall.ping().await {
            Ok(date) => {
                let no_date = || Verdict::ok("Aircall's answers have no date");
                clock = Some(date.map_or_else(no_date, |date| clock::verdict(asked_at, date)));
                Verdict::ok("the credential is accepted")
            }
            Err(e) => rules::api(&e, "AIRCALL_API_URL", CREDENTIAL),
        }
    })
    .await;
    let Some(clock) = clock else { return stop_after(ping) };
    let webhook = look("Aircall webhook", async {
        // It is known by its token.
        let tokens = match database.client().await {
            Ok(client) => Tokens::set_for_aircall(&settings.aircall).with_noted(&client, Vendor::Aircall).await,
            Err(e) => Err(e),
        };
        let tokens = match tokens {
            Ok(tokens) if tokens.is_empty() => {
                let says = "there is no token of a webhook, neither noted in the database nor in AIRCALL_WEBHOOK_TOKENS: ingest refuses every webhook";
                return Verdict::failed(says, format!("make the webhook: {INSTALL}"));
            }
            Ok(tokens) => tokens,
            Err(e) => return Verdict::not_checked(format!("the tokens of webhooks cannot be read: {e}")),
        };
        match aircall.webhooks().await {
            Ok(all) => {
                let needed = webhooks::needed(&settings.rules);
                webhook_verdict(webhooks::health(&all, &tokens, &needed), needed.len())
            }
            Err(e) => rules::api(&e, "AIRCALL_API_URL", CREDENTIAL),
        }
    })
    .await;
    let by_rules = by_rules::of_aircall(&aircall, settings, CREDENTIAL).await;
    [ping, webhook, clock.about("clock of Aircall")].into_iter().chain(by_rules).collect()
}

fn webhook_verdict(health: Health, needed: usize) -> Verdict {
    match health {
        Health::Delivers => Verdict::ok(format!("active, with all {needed} events")),
        Health::Lacks(missing) => Verdict::failed(
            format!("these events are not delivered: {}", missing.join(", ")),
            format!("add them: {INSTALL}"),
        ),
        Health::Disabled => Verdict::failed(
            "it is disabled: by Aircall because deliveries kept failing, or by a person",
            format!("make sure that ingest can be reached from outside, then enable it: {INSTALL}"),
        ),
        Health::None => Verdict::failed(
            "the account has no webhook with a token that ingest accepts",
            format!("make one: {INSTALL}"),
        ),
    }
}
