//! Whether links to Sellsy's pages open. No program can sign in as a person, so it is seen where somebody who has not signed in is sent; where that
//! says nothing, a person is asked.

use std::{collections::BTreeMap, time::Duration};

use base::{client, tell};
use reqwest::{Client, StatusCode, Url, header::LOCATION};
use vendors::proven::Page;

use super::{Found, Opened};
use crate::ask::Asker;

const TIMEOUT: Duration = Duration::from_secs(10);
/// An address that nobody has.
const NOWHERE: &str = "/callbridge-asks-for-a-page-that-nobody-has/1";
/// The older form of addresses, which some accounts open instead: if it leads elsewhere than [`NOWHERE`], such addresses are told apart.
const QUERY_FORM: &str = "/?_f=prospection_opportunity&action=overview&oid=1";

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leads {
    status: StatusCode,
    to: Option<String>,
}

pub(super) async fn all(
    addresses: &[(&'static str, String)],
    opened: Option<&Opened>,
    before: Option<&BTreeMap<String, Page>>,
    found: &mut Found,
) -> anyhow::Result<()> {
    if addresses.is_empty() {
        found.open("links", "no record was read");
        return Ok(());
    }
    let client = client::new(TIMEOUT)?;
    let mut pages = BTreeMap::new();
    for (of, address) in addresses {
        match look(&client, address).await {
            Ok(page) => _ = pages.insert((*of).to_owned(), page),
            Err(why) => {
                found.open("links", why);
                return Ok(());
            }
        }
    }
    // What a person has seen counts as long as nothing else is seen.
    let seen = |of: &str| before.and_then(|before| before.get(of)).copied().filter(|page| *page != Page::Unknown);
    let unknown: Vec<&(&str, String)> =
        addresses.iter().filter(|(of, _)| pages.get(*of) == Some(&Page::Unknown)).collect();
    let asker = Asker::new(false);
    if !unknown.is_empty() && opened.is_none() && !unknown.iter().all(|(of, _)| seen(of).is_some()) {
        tell!("Where these links lead cannot be seen without signing in. Open them in a browser in which you have:");
        unknown.iter().for_each(|(of, address)| tell!("  {of}: {address}"));
    }
    for (of, _) in unknown {
        let page = match (opened, seen(of)) {
            (Some(opened), _) => Some(opened.page(of)),
            (None, Some(page)) => Some(page),
            (None, None) if asker.can_ask() => {
                let yes = asker.yes(&format!("Does the link to the {of} show it?"), true)?;
                Some(if yes { Page::There } else { Page::Missing })
            }
            (None, None) => None,
        };
        match page {
            Some(page) => _ = pages.insert((*of).to_owned(), page),
            None => found.open(
                "links",
                format!("open that of the {of}; --links-open names those that show the right page, or none"),
            ),
        }
    }
    found.sellsy.links = Some(pages);
    Ok(())
}

async fn look(client: &Client, address: &str) -> Result<Page, String> {
    let base = Url::parse(address).map_err(|e| e.to_string())?;
    let on_its_host = |path: &str| -> Result<String, String> {
        // The pattern may have a prefix of its own: what stands before the parts that name pages stays.
        let prefix = ["/thirds/", "/peoples/", "/prospection/"].iter().find_map(|part| base.as_str().find(part));
        let host =
            || base.join("/").map(|url| url.as_str().trim_end_matches('/').to_owned()).map_err(|e| e.to_string());
        let before = prefix.map_or_else(host, |at| Ok(base.as_str()[..at].to_owned()))?;
        Ok(format!("{before}{path}"))
    };
    let there = leads(client, address).await?;
    let nowhere = leads(client, &on_its_host(NOWHERE)?).await?;
    if there != nowhere {
        return Ok(judge(&there, &nowhere, &nowhere));
    }
    let query = leads(client, &on_its_host(QUERY_FORM)?).await?;
    // The home page is there on every host.
    let home = leads(client, &on_its_host("/")?).await?;
    Ok(judge(&there, &nowhere, if query == home { &nowhere } else { &query }))
}

async fn leads(client: &Client, address: &str) -> Result<Leads, String> {
    let answer = client.get(address).send().await.map_err(|e| {
        let why = if e.is_timeout() { "no answer in time" } else { "no connection" };
        format!("the host of SELLSY_LINKS gave no answer: {why}")
    })?;
    // A host in trouble says nothing of its pages.
    if answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS {
        return Err(format!("the host of SELLSY_LINKS answered {}", answer.status()));
    }
    // Without what differs from address to address.
    let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let to = to.map(|to| to.split(['?', '#']).next().unwrap_or_default().to_owned());
    Ok(Leads { status: answer.status(), to })
}

/// What it means that an address leads there, compared with an address that nobody has and with one of the older form.
fn judge(there: &Leads, nowhere: &Leads, query_form: &Leads) -> Page {
    let is_gone = |leads: &Leads| matches!(leads.status, StatusCode::NOT_FOUND | StatusCode::GONE);
    match (is_gone(there), there == nowhere, query_form == nowhere) {
        (true, false, _) => Page::Missing,
        (false, false, _) => Page::There,
        // Addresses are told apart, and this one is like one that nobody has.
        (true, true, false) => Page::Missing,
        (_, true, _) => Page::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_says_something() {
        let leads = |status: u16, to: Option<&str>| Leads {
            status: StatusCode::from_u16(status).unwrap(),
            to: to.map(str::to_owned),
        };
        let (sign_in, gone) = (leads(302, Some("/login")), leads(404, None));
        for (there, nowhere, query, expected) in [
            (&sign_in, &gone, &gone, Page::There),
            (&gone, &sign_in, &sign_in, Page::Missing),
            (&sign_in, &sign_in, &sign_in, Page::Unknown),
            // Nobody who has not signed in sees anything.
            (&gone, &gone, &gone, Page::Unknown),
            // Only the older form leads somewhere.
            (&gone, &gone, &sign_in, Page::Missing),
        ] {
            assert_eq!(judge(there, nowhere, query), expected, "{there:?} {nowhere:?} {query:?}");
        }
    }
}
