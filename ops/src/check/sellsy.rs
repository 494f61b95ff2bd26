//! Sellsy: its credential, each scope, the quotas, the default owner, the clock.

use base::{
    db::Database,
    error::{Code, with_causes},
    ids::Vendor,
    settings::{LogFallback, Settings},
};
use futures_util::future::join_all;
use ingest::tokens::Tokens;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use vendors::{
    budget::{Lane, Role},
    sellsy::{Sellsy, wire::StaffStatus},
};

use super::{Finding, State, Verdict, by_rules, clock, look, rules, scope::Scope};

pub(super) const CREDENTIAL: &str = "SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET (Sellsy > Settings > Developer portal)";

pub(super) async fn findings(settings: &Settings, database: Option<&Database>) -> Vec<Finding> {
    let stop_after = |first: Finding| {
        let rest = ["Sellsy scopes", "Sellsy quotas", "Sellsy default owner", "clock of Sellsy"];
        let rest = rest.map(|what| Verdict::not_checked("Sellsy cannot be asked").about(what));
        std::iter::once(first).chain(rest).collect()
    };
    let missing =
        [&settings.sellsy.client_id, &settings.sellsy.client_secret].iter().any(|s| s.expose_secret().is_empty());
    if missing {
        return stop_after(Verdict::not_checked("SELLSY_CLIENT_ID or SELLSY_CLIENT_SECRET is missing").about("Sellsy"));
    }
    let Some(database) = database else {
        let because = "every request goes through the budget, which is in the database, and that cannot be used";
        return stop_after(Verdict::not_checked(because).about("Sellsy"));
    };
    let sellsy = match Sellsy::new(&settings.sellsy, database, Role::Guest("check")) {
        Ok(sellsy) => sellsy.on(Lane::Interactive),
        Err(e) => return stop_after(Verdict::failed(with_causes(e.as_ref()), "report this as a bug").about("Sellsy")),
    };
    let log_in = look("Sellsy", async {
        match sellsy.log_in().await {
            Ok(()) => Verdict::ok("the credential is accepted"),
            Err(e) => rules::api(&e, "SELLSY_AUTH_URL", CREDENTIAL),
        }
    })
    .await;
    if log_in.verdict.state != State::Ok {
        return stop_after(log_in);
    }
    let (scopes, quotas, owner) = tokio::join!(
        scopes(&sellsy, settings),
        look("Sellsy quotas", quotas(&sellsy, settings)),
        owner(&sellsy, settings)
    );
    let by_rules = by_rules::of_sellsy(&sellsy, settings, CREDENTIAL).await;
    let notices = look("Sellsy webhooks", notices(settings, database)).await;
    std::iter::once(log_in).chain(scopes).chain([quotas, owner, notices]).chain(by_rules).collect()
}

/// Checks each scope by a request that needs it; the first answer also gives Sellsy's clock.
async fn scopes(sellsy: &Sellsy, settings: &Settings) -> Vec<Finding> {
    let rules = &settings.rules;
    let with_comments = settings.log_fallback == LogFallback::Comment || rules.messages.is_some();
    let sometimes: [(bool, &[Scope]); 5] = [
        (with_comments, &Scope::FOR_COMMENTS),
        (rules.have_tasks(), &Scope::FOR_TASKS),
        (rules.unknown.is_some(), &Scope::FOR_PROSPECTS),
        (rules.tags.acts().any(|acts| acts.step.is_some()), &Scope::FOR_STEPS),
        (rules.tags.acts().any(|acts| acts.smart_tags.is_some()), &Scope::FOR_SMART_TAGS),
    ];
    let sometimes = sometimes.into_iter().filter(|(needed, _)| *needed).flat_map(|(_, scopes)| scopes);
    let checks = Scope::NEEDED.iter().chain(sometimes).map(|scope| async move {
        let mut time = None;
        let finding = look(format!("Sellsy scope {}", scope.as_str()), async {
            let asked_at = Timestamp::now();
            match sellsy.probe(&scope.probe()).await {
                Ok(date) => {
                    time = date.map(|date| clock::verdict(asked_at, date));
                    Verdict::ok("granted")
                }
                Err(e) => rules::api(&e, "SELLSY_API_URL", CREDENTIAL),
            }
        });
        (finding.await, time)
    });
    let (mut findings, times): (Vec<_>, Vec<_>) = join_all(checks).await.into_iter().unzip();
    let clock = times.into_iter().flatten().next();
    let clock = clock.unwrap_or_else(|| Verdict::not_checked("no answer from Sellsy had a date"));
    findings.push(clock.about("clock of Sellsy"));
    findings
}

async fn quotas(sellsy: &Sellsy, settings: &Settings) -> Verdict {
    match sellsy.limits().await {
        Ok(limits) => rules::quotas(&settings.sellsy, &limits),
        Err(e) if e.code == Code::SellsyForbidden => Verdict::warning(
            "they cannot be read, so the limits of the settings apply",
            format!(
                "give the API client the scope {}, or make sure that the settings fit your plan",
                Scope::Accounts.as_str()
            ),
        ),
        Err(e) => rules::api(&e, "SELLSY_API_URL", CREDENTIAL),
    }
}

/// Whether Sellsy can say that a record has changed.
async fn notices(settings: &Settings, database: &Database) -> Verdict {
    let tokens = match database.client().await {
        Ok(client) => Tokens::set_for_sellsy(&settings.sellsy).with_noted(&client, Vendor::Sellsy).await,
        Err(e) => Err(e),
    };
    match tokens {
        Ok(tokens) if tokens.is_empty() => Verdict::ok(
            "none: changes in Sellsy are only read every DIRECTORY_SYNC_EVERY; to be told at once: \
             callbridge webhook install --url https://<your host>/webhooks/sellsy",
        ),
        Ok(_) => Verdict::ok("Sellsy's webhooks can announce changes"),
        Err(e) => Verdict::not_checked(format!("the tokens of webhooks cannot be read: {e}")),
    }
}

async fn owner(sellsy: &Sellsy, settings: &Settings) -> Finding {
    let what = "Sellsy default owner";
    let Some(id) = settings.sellsy.default_owner_id else {
        let says = "SELLSY_DEFAULT_OWNER_ID is not set: a call is parked if neither its agent nor its record has a staff member in Sellsy";
        return Verdict::ok(says).about(what);
    };
    let cure = "set SELLSY_DEFAULT_OWNER_ID to the id of an active staff member in Sellsy";
    look(what, async {
        let staffs = match sellsy.staffs().await {
            Ok(staffs) => staffs,
            Err(e) => return rules::api(&e, "SELLSY_API_URL", CREDENTIAL),
        };
        match staffs.iter().find(|staff| staff.id == id) {
            None => Verdict::failed(format!("there is no staff member {id}"), cure),
            Some(staff) if matches!(staff.status, None | Some(StaffStatus::Ok)) => {
                Verdict::ok(format!("staff member {id}"))
            }
            Some(_) => Verdict::warning(format!("staff member {id} is blocked or deleted"), cure),
        }
    })
    .await
}
