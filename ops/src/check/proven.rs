//! Whether the settings fit what `callbridge prove` has found out about the accounts.

use base::{
    db::{Client, Database},
    error::Result,
    said::{name, quoted},
    settings::Settings,
};
use vendors::proven::{Account, Answers, Page};

use super::{Finding, Verdict, texts};

pub(super) async fn findings(settings: &Settings, database: Option<&Database>) -> Vec<Finding> {
    let verdicts = match database {
        None => vec![Verdict::not_checked(texts::DATABASE_SILENT)],
        Some(database) => {
            let judged = async { judged(&database.client().await?, settings).await };
            judged.await.unwrap_or_else(|e| vec![Verdict::not_checked(texts::PROVEN_UNREAD.with([quoted(e)]))])
        }
    };
    verdicts.into_iter().map(|verdict| verdict.about(texts::PROVEN)).collect()
}

async fn judged(client: &Client, settings: &Settings) -> Result<Vec<Verdict>> {
    let accounts = [Account::of_sellsy(&settings.sellsy), Account::of_aircall(&settings.aircall)];
    let [sellsy, aircall] = &accounts;
    let ((of_sellsy, asked_sellsy), (of_aircall, asked_aircall)) =
        (sellsy.answers(client).await?, aircall.answers(client).await?);
    let mut found = judge(settings, &of_sellsy, &of_aircall);
    for (account, asked) in [(sellsy, asked_sellsy), (aircall, asked_aircall)] {
        if asked.is_none() && account.has_others(client).await? {
            found.push(Verdict::warning(
                texts::PROVEN_ELSEWHERE.with([name(account.vendor.as_str())]),
                texts::PROVE_AGAIN,
            ));
        }
    }
    if found.is_empty() {
        let asked = asked_sellsy.is_some() || asked_aircall.is_some();
        found.push(Verdict::ok(if asked { texts::PROVEN_FITS } else { texts::NOTHING_PROVEN }));
    }
    Ok(found)
}

/// What is set otherwise than the accounts are.
fn judge(settings: &Settings, sellsy: &Answers, aircall: &Answers) -> Vec<Verdict> {
    let set = settings.aircall.requests_per_minute.get();
    let limit = aircall.rate.as_ref().and_then(|rate| rate.per_minute).filter(|limit| *limit < set);
    let above = limit.map(|limit| {
        let setting = "AIRCALL_REQUESTS_PER_MINUTE";
        let says = texts::RATE_ABOVE.with([name(setting), name(set), name(limit)]);
        Verdict::warning(says, texts::RATE_CURE.with([name(setting), name(limit)]))
    });
    let missing = sellsy.links.iter().flatten().filter(|(_, page)| **page == Page::Missing);
    let missing: Vec<_> = missing.map(|(of, _)| of.as_str()).collect();
    let links = (!missing.is_empty())
        .then(|| Verdict::warning(texts::LINKS_MISSING.with([name(missing.join(", "))]), texts::LINKS_MISSING_CURE));
    let default = settings.sellsy.default_owner_id;
    let owner = sellsy.only_owner().zip(default).filter(|(only, default)| only != default);
    let owner = owner.map(|(only, _)| {
        Verdict::warning(texts::ONLY_OWNER.with([name(only)]), texts::ONLY_OWNER_CURE.with([name(only)]))
    });
    [above, links, owner].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::settings::Needs;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_that_the_account_contradicts_is_named() {
        let given = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let values: BTreeMap<_, _> = [
            given("DATABASE_URL", "postgres://localhost/x"),
            given("AMQP_URL", "amqp://localhost"),
            given("AIRCALL_REQUESTS_PER_MINUTE", "100"),
            given("SELLSY_DEFAULT_OWNER_ID", "12"),
        ]
        .into();
        let settings = Settings::with(Needs::default(), &values, &BTreeMap::new()).unwrap();
        let answers = |value: serde_json::Value| serde_json::from_value::<Answers>(value).unwrap();
        for (sellsy, aircall, expected) in [
            (json!({}), json!({}), vec![]),
            (json!({}), json!({"rate": {"headers": [], "per_minute": 120}}), vec![]),
            (json!({}), json!({"rate": {"headers": [], "per_minute": 60}}), vec!["AIRCALL_REQUESTS_PER_MINUTE"]),
            (json!({"links": {"contact": "missing", "company": "there"}}), json!({}), vec!["contact"]),
            (json!({"owner": {"who": "only", "id": 12}}), json!({}), vec![]),
            (json!({"owner": {"who": "only", "id": 11}}), json!({}), vec!["11"]),
            (json!({"owner": {"who": "anybody"}}), json!({}), vec![]),
        ] {
            let found = judge(&settings, &answers(sellsy.clone()), &answers(aircall));
            assert_eq!(found.len(), expected.len(), "{sellsy}: {found:?}");
            for (verdict, expected) in found.iter().zip(expected) {
                assert!(verdict.says.english.contains(expected) && verdict.cure.is_some(), "{verdict:?}");
            }
        }
    }
}
