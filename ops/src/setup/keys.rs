//! The keys of both accounts: asked for with the place where each is found, and tried at once.

use anyhow::{Context, bail};
use base::{
    error::{Code, Error, with_causes},
    tell,
};
use secrecy::ExposeSecret;
use vendors::{
    aircall::{Aircall, wire::Webhook},
    budget::{Lane, Role},
    sellsy::Sellsy,
};

use super::Setup;
use crate::{ask::Source, check::Scope};

const AIRCALL: [(&str, &str, Source); 2] = [
    ("Aircall API id", "AIRCALL_API_ID", Source::new("--aircall-api-id", "AIRCALL_API_ID")),
    ("Aircall API token", "AIRCALL_API_TOKEN", Source::new("--aircall-api-token", "AIRCALL_API_TOKEN")),
];
const SELLSY: [(&str, &str, Source); 2] = [
    ("Sellsy client id", "SELLSY_CLIENT_ID", Source::new("--sellsy-client-id", "SELLSY_CLIENT_ID")),
    ("Sellsy client secret", "SELLSY_CLIENT_SECRET", Source::new("--sellsy-client-secret", "SELLSY_CLIENT_SECRET")),
];

/// A client whose key is accepted, and the account's webhooks, which the key must be allowed to manage.
pub(super) async fn aircall(setup: &mut Setup) -> anyhow::Result<(Aircall, Vec<Webhook>)> {
    tell!(
        "\nAircall: the API key is made in the Dashboard, under Integrations > API keys, by somebody who administers the account. It is for the \
         whole company and has no scopes."
    );
    loop {
        fill_in(setup, &AIRCALL)?;
        let settings = setup.settings()?;
        let aircall =
            Aircall::new(&settings.aircall, &setup.database, Role::Guest("callbridge"))?.on(Lane::Interactive);
        let refused = match aircall.ping().await {
            Err(e) => {
                refused(e, Code::AircallCredential, "Aircall cannot be asked: check AIRCALL_API_URL and the network")?
            }
            Ok(_) => match aircall.webhooks().await {
                Ok(webhooks) => {
                    tell!("  Aircall accepts the key.");
                    return Ok((aircall, webhooks));
                }
                Err(e) => {
                    let e = refused(e, Code::AircallCredential, "Aircall could not be asked for its webhooks")?;
                    tell!(
                        "  The key is accepted, but it may not manage webhooks: somebody who administers the account has to make it."
                    );
                    e
                }
            },
        };
        again(setup, &AIRCALL, "Aircall refuses this API id and token", refused)?;
    }
}

/// A client whose key is accepted, and that may do what every installation does.
pub(super) async fn sellsy(setup: &mut Setup) -> anyhow::Result<Sellsy> {
    tell!(
        "\nSellsy: make a personal API client, under Settings > Developer portal. It acts as the person who makes it, who must be allowed to read \
         the customers and to write phone calls. Give it these scopes:\n\n    {}\n\n  and, so that quotas and topics are known and Sellsy reports changes \
         at once:\n\n    {}\n",
        scopes(&Scope::NEEDED),
        scopes(&Scope::USEFUL)
    );
    loop {
        fill_in(setup, &SELLSY)?;
        let settings = setup.settings()?;
        let sellsy = Sellsy::new(&settings.sellsy, &setup.database, Role::Guest("callbridge"))?.on(Lane::Interactive);
        if let Err(e) = sellsy.log_in().await {
            let e =
                refused(e, Code::SellsyCredential, "Sellsy cannot be asked: check SELLSY_AUTH_URL and the network")?;
            again(setup, &SELLSY, "Sellsy refuses this client id and secret", e)?;
            continue;
        }
        tell!("  Sellsy accepts the client.");
        loop {
            let missing = missing(&sellsy, &Scope::NEEDED).await?;
            if missing.is_empty() {
                return Ok(sellsy);
            }
            let lacks = format!("the API client in Sellsy lacks these scopes: {}", scopes(&missing));
            if !setup.asker.can_ask()
                || !setup
                    .asker
                    .yes(&format!("{lacks}. Give them to it in the Developer portal; then try again?"), true)?
            {
                bail!("{lacks}; give them to it under Settings > Developer portal, and run this again");
            }
        }
    }
}

/// Those that the client lacks. What is not there yet has none.
pub(super) async fn missing(sellsy: &Sellsy, wanted: &[Scope]) -> anyhow::Result<Vec<Scope>> {
    let mut missing = Vec::new();
    for scope in wanted {
        match sellsy.probe(&scope.probe()).await {
            Ok(_) => {}
            Err(e) if e.code == Code::SellsyForbidden => missing.push(*scope),
            Err(e) => {
                return Err(e).with_context(|| format!("Sellsy could not be asked for the scope {}", scope.as_str()));
            }
        }
    }
    Ok(missing)
}

fn scopes(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

/// Asks for what no flag, variable or file has.
fn fill_in(setup: &mut Setup, keys: &[(&str, &'static str, Source); 2]) -> anyhow::Result<()> {
    for (what, name, source) in keys {
        let settings = setup.settings()?;
        let is = match *name {
            "AIRCALL_API_ID" => &settings.aircall.api_id,
            "AIRCALL_API_TOKEN" => &settings.aircall.api_token,
            "SELLSY_CLIENT_ID" => &settings.sellsy.client_id,
            _ => &settings.sellsy.client_secret,
        };
        if is.expose_secret().is_empty() {
            let typed = setup.asker.secret(what, *source)?;
            setup.answer(name, typed);
        }
    }
    Ok(())
}

/// `Ok` if the key is wrong; another error ends the setup.
fn refused(e: Error, code: Code, otherwise: &'static str) -> anyhow::Result<Error> {
    if e.code == code { Ok(e) } else { Err(e).context(otherwise) }
}

/// Says so, and forgets the key, so that it is asked for again.
fn again(setup: &mut Setup, keys: &[(&str, &'static str, Source); 2], says: &str, e: Error) -> anyhow::Result<()> {
    let [(_, _, one), (_, _, other)] = keys;
    if !setup.asker.can_ask() {
        let says = format!("{says}: check {} and {} ({} and {})", one.flag, other.flag, one.variable, other.variable);
        return Err(e).context(says);
    }
    tell!("  {says}: {}.", with_causes(&e));
    for (_, name, _) in keys {
        setup.answer(name, String::new());
    }
    Ok(())
}
