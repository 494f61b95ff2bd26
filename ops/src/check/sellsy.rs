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

use super::{
    Finding, State, Verdict, by_rules, clock, look, rules,
    said::{name, quoted},
    scope::Scope,
    texts,
};

/// A token, one request for each scope, the quotas, the staffs, and what the rules name.
pub(super) fn requests(settings: &Settings) -> usize {
    let owner = usize::from(settings.sellsy.default_owner_id.is_some());
    2 + needed_scopes(settings).count() + owner + by_rules::requests_to_sellsy(settings)
}

pub(super) async fn findings(settings: &Settings, database: Option<&Database>) -> Vec<Finding> {
    let stop_after = |first: Finding| {
        let rest = [texts::SELLSY_SCOPES, texts::SELLSY_QUOTAS, texts::SELLSY_OWNER, texts::SELLSY_CLOCK];
        let rest = rest.map(|what| Verdict::not_checked(texts::SELLSY_SILENT).about(what));
        std::iter::once(first).chain(rest).collect()
    };
    let missing =
        [&settings.sellsy.client_id, &settings.sellsy.client_secret].iter().any(|s| s.expose_secret().is_empty());
    if missing {
        return stop_after(
            Verdict::not_checked(texts::OR_IS_MISSING.with([name("SELLSY_CLIENT_ID"), name("SELLSY_CLIENT_SECRET")]))
                .about(texts::SELLSY),
        );
    }
    let Some(database) = database else {
        return stop_after(Verdict::not_checked(texts::NO_BUDGET).about(texts::SELLSY));
    };
    let sellsy = match Sellsy::new(&settings.sellsy, database, Role::Guest("check")) {
        Ok(sellsy) => sellsy.on(Lane::Interactive),
        Err(e) => return stop_after(Verdict::failed(quoted(with_causes(e.as_ref())), texts::BUG).about(texts::SELLSY)),
    };
    let log_in = look(texts::SELLSY, async {
        match sellsy.log_in().await {
            Ok(()) => Verdict::ok(texts::ACCEPTED),
            Err(e) => rules::api(&e, "SELLSY_AUTH_URL", texts::SELLSY_CREDENTIAL),
        }
    })
    .await;
    if log_in.verdict.state != State::Ok {
        return stop_after(log_in);
    }
    let (scopes, quotas, owner) = tokio::join!(
        scopes(&sellsy, settings),
        look(texts::SELLSY_QUOTAS, quotas(&sellsy, settings)),
        owner(&sellsy, settings)
    );
    let by_rules = by_rules::of_sellsy(&sellsy, settings, texts::SELLSY_CREDENTIAL).await;
    let notices = look(texts::SELLSY_WEBHOOKS, notices(settings, database)).await;
    std::iter::once(log_in).chain(scopes).chain([quotas, owner, notices]).chain(by_rules).collect()
}

fn needed_scopes(settings: &Settings) -> impl Iterator<Item = &'static Scope> {
    let rules = &settings.rules;
    let with_comments = settings.log_fallback == LogFallback::Comment || rules.messages.is_some();
    let sometimes: [(bool, &'static [Scope]); 5] = [
        (with_comments, &Scope::FOR_COMMENTS),
        (rules.have_tasks(), &Scope::FOR_TASKS),
        (rules.unknown.is_some(), &Scope::FOR_PROSPECTS),
        (rules.tags.acts().any(|acts| acts.step.is_some()), &Scope::FOR_STEPS),
        (rules.tags.acts().any(|acts| acts.smart_tags.is_some()), &Scope::FOR_SMART_TAGS),
    ];
    let sometimes = sometimes.into_iter().filter(|(needed, _)| *needed).flat_map(|(_, scopes)| scopes);
    Scope::NEEDED.iter().chain(sometimes)
}

/// Checks each scope by a request that needs it; the first answer also gives Sellsy's clock.
async fn scopes(sellsy: &Sellsy, settings: &Settings) -> Vec<Finding> {
    let checks = needed_scopes(settings).map(|scope| async move {
        let mut time = None;
        let finding = look(texts::SELLSY_SCOPE.with([name(scope.as_str())]), async {
            let asked_at = Timestamp::now();
            match sellsy.probe(&scope.probe()).await {
                Ok(date) => {
                    time = date.map(|date| clock::verdict(asked_at, date));
                    Verdict::ok(texts::GRANTED)
                }
                Err(e) => rules::api(&e, "SELLSY_API_URL", texts::SELLSY_CREDENTIAL),
            }
        });
        (finding.await, time)
    });
    let (mut findings, times): (Vec<_>, Vec<_>) = join_all(checks).await.into_iter().unzip();
    let clock = times.into_iter().flatten().next();
    let clock = clock.unwrap_or_else(|| Verdict::not_checked(texts::NO_DATE));
    findings.push(clock.about(texts::SELLSY_CLOCK));
    findings
}

async fn quotas(sellsy: &Sellsy, settings: &Settings) -> Verdict {
    match sellsy.limits().await {
        Ok(limits) => rules::quotas(&settings.sellsy, &limits),
        Err(e) if e.code == Code::SellsyForbidden => {
            Verdict::warning(texts::QUOTAS_UNREAD, texts::QUOTAS_UNREAD_CURE.with([name(Scope::Accounts.as_str())]))
        }
        Err(e) => rules::api(&e, "SELLSY_API_URL", texts::SELLSY_CREDENTIAL),
    }
}

/// Whether Sellsy can say that a record has changed.
async fn notices(settings: &Settings, database: &Database) -> Verdict {
    let tokens = match database.client().await {
        Ok(client) => Tokens::set_for_sellsy(&settings.sellsy).with_noted(&client, Vendor::Sellsy).await,
        Err(e) => Err(e),
    };
    match tokens {
        Ok(tokens) if tokens.is_empty() => Verdict::ok(texts::NO_NOTICES),
        Ok(_) => Verdict::ok(texts::NOTICES),
        Err(e) => Verdict::not_checked(texts::TOKENS_NOT_READ.with([quoted(e)])),
    }
}

async fn owner(sellsy: &Sellsy, settings: &Settings) -> Finding {
    let what = texts::SELLSY_OWNER;
    let Some(id) = settings.sellsy.default_owner_id else {
        return Verdict::ok(texts::NO_OWNER).about(what);
    };
    let cure = texts::OWNER_CURE;
    look(what, async {
        let staffs = match sellsy.staffs().await {
            Ok(staffs) => staffs,
            Err(e) => return rules::api(&e, "SELLSY_API_URL", texts::SELLSY_CREDENTIAL),
        };
        match staffs.iter().find(|staff| staff.id == id) {
            None => Verdict::failed(texts::NO_SUCH_STAFF.with([name(id)]), cure),
            Some(staff) if matches!(staff.status, None | Some(StaffStatus::Ok)) => {
                Verdict::ok(texts::STAFF.with([name(id)]))
            }
            Some(_) => Verdict::warning(texts::STAFF_BLOCKED.with([name(id)]), cure),
        }
    })
    .await
}
