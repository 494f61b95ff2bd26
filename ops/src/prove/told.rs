//! What was found, in words, and what follows from it. Without ids: it goes into bug reports.

use base::phone::Spelling;
use serde::Serialize;
use vendors::proven::{Answers, Breaks, Card, Longest, Owner, Page, Put, Quota, Tags, Texts};

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    pub(super) question: &'static str,
    pub(super) asks: &'static str,
    pub(super) says: String,
    pub(super) so: String,
}

/// All answers that there are, in the order in which they are asked.
pub(super) fn all(sellsy: &Answers, aircall: &Answers) -> Vec<Told> {
    let told = |question, asks, (says, so): (String, String)| Told { question, asks, says, so };
    let of_sellsy = [
        sellsy.search.as_deref().map(|it| told("search", "Does Sellsy's search find phone numbers?", search(it))),
        sellsy.contact_filters.as_deref().map(|it| {
            told("contact_filters", "Whom do the phone filters of contacts find whom the search does not?", filters(it))
        }),
        sellsy.short_pages.map(|it| told("short_pages", "Can a page be short although more follow?", short_pages(it))),
        sellsy.quota.as_ref().map(|it| told("quota", "What do Sellsy's answers say about quotas?", quota(it))),
        sellsy
            .webhook_events
            .as_deref()
            .map(|it| told("webhook_events", "Of what can Sellsy's webhooks tell?", events(it))),
        sellsy.links.as_ref().map(|it| told("links", "Do links to Sellsy's pages open?", links(it.iter()))),
        sellsy.texts.map(|it| told("texts", "Do texts of logs come back as they were sent?", texts(it))),
        sellsy.put.map(|it| told("put", "Does a change leave alone what it does not name?", put(it))),
        sellsy.description.map(|it| told("description", "How long may a log's text be?", description(it))),
        sellsy.owner.map(|it| told("owner", "Can a log belong to another staff member?", owner(it))),
        sellsy.new_token_voids.map(|it| told("new_token_voids", "Does a new token void older ones?", token(it))),
    ];
    let of_aircall = [
        aircall.rate.as_ref().map(|it| told("rate", "What do Aircall's answers say about the rate?", rate(it))),
        aircall.card.map(|it| told("card", "How does Aircall take cards?", card(it))),
    ];
    of_sellsy.into_iter().chain(of_aircall).flatten().collect()
}

fn pair(says: impl Into<String>, so: impl Into<String>) -> (String, String) {
    (says.into(), so.into())
}

fn spelled(spellings: &[Spelling]) -> String {
    spellings.iter().map(|spelling| spelling.example()).collect::<Vec<_>>().join(", ")
}

fn search(spellings: &[Spelling]) -> (String, String) {
    match spellings {
        [] => pair("no", "it is not asked for callers who are not in the directory: a request less for each"),
        [one] => pair(
            format!("yes, as {}", one.example()),
            "a caller who is not in the directory is searched for so, with one request",
        ),
        several => pair(
            format!("only as they are written: {}", spelled(several)),
            format!(
                "a caller who is not in the directory is searched for in {} spellings, a request each",
                several.len()
            ),
        ),
    }
}

fn filters(spellings: &[Spelling]) -> (String, String) {
    match spellings {
        [] => pair("nobody, or others as well", "they are not asked: two requests less for each unknown caller"),
        several => pair(
            format!("yes, as {}", spelled(several)),
            format!("an unknown caller is filtered for so, with {} requests", 2 * several.len()),
        ),
    }
}

fn short_pages(occur: bool) -> (String, String) {
    if occur {
        pair("yes", "lists are read until a page is empty, so that nothing is missed")
    } else {
        pair("none was seen", "a page with fewer rows than its limit is the last one: a request less for each list")
    }
}

fn quota(quota: &Quota) -> (String, String) {
    let limit = quota.per_minute.map_or_else(
        || "no limit of a minute can be read".to_owned(),
        |limit| format!("the account allows {limit} requests in a minute"),
    );
    if quota.headers.is_empty() {
        pair(
            format!("nothing; {limit}"),
            "what other programs send is seen only when Sellsy refuses: leave room for them in SELLSY_REQUESTS_PER_MINUTE",
        )
    } else {
        pair(
            format!("{}; {limit}", quota.headers.join(", ")),
            "what other programs send is seen in each answer; the lower of this limit and of the settings applies",
        )
    }
}

fn rate(rate: &Quota) -> (String, String) {
    match rate.per_minute {
        Some(limit) => pair(
            format!("{limit} requests in a minute, in each answer"),
            format!("no more than {limit} are sent, whatever AIRCALL_REQUESTS_PER_MINUTE says"),
        ),
        None => pair(
            "nothing, as long as the limit is not reached",
            "AIRCALL_REQUESTS_PER_MINUTE alone counts: leave room in it for other integrations",
        ),
    }
}

fn events(kinds: &[String]) -> (String, String) {
    const WANTED: [&str; 5] = ["client", "prospect", "supplier", "people", "opportunity"];
    let missing: Vec<_> = WANTED.into_iter().filter(|wanted| !kinds.iter().any(|kind| kind == wanted)).collect();
    let says = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
    if missing.is_empty() {
        pair(says, "callbridge webhook install registers all that is wanted")
    } else {
        let missing = missing.join(", ");
        pair(
            says,
            format!(
                "changes of {missing} are read every DIRECTORY_SYNC_EVERY, or OPPORTUNITIES_FRESH, instead of at once"
            ),
        )
    }
}

fn links<'a>(pages: impl Iterator<Item = (&'a String, &'a Page)>) -> (String, String) {
    let pages: Vec<_> = pages.collect();
    let of = |wanted: Page| -> Vec<&str> {
        pages.iter().filter(|(_, page)| **page == wanted).map(|(of, _)| of.as_str()).collect()
    };
    let (there, missing, unknown) = (of(Page::There), of(Page::Missing), of(Page::Unknown));
    let said = [("yes", &there), ("no", &missing), ("not known", &unknown)];
    let says = said.iter().filter(|(_, of)| !of.is_empty()).map(|(word, of)| format!("{word}: {}", of.join(", ")));
    let so = match (missing.is_empty(), unknown.is_empty()) {
        (false, _) => "cards have no links to pages that are not there; set SELLSY_LINKS to those that are".to_owned(),
        (true, false) => "they stay as they are; open one of them".to_owned(),
        (true, true) => "they stay as they are".to_owned(),
    };
    pair(says.collect::<Vec<_>>().join("; "), so)
}

fn texts(texts: Texts) -> (String, String) {
    let Texts { breaks, tags } = texts;
    let (breaks, first) = match breaks {
        Breaks::Kept => ("line breaks are kept", "logs are written in lines"),
        Breaks::Html => {
            ("line breaks come back as HTML", "logs are written in lines; HTML is understood when they are read")
        }
        Breaks::Blanks => ("line breaks are blanks", "each line begins with a dot; the marker is looked for anywhere"),
        Breaks::Lost => ("line breaks are lost", "each line begins with a dot; the marker is looked for anywhere"),
    };
    let (tags, second) = match tags {
        Tags::Kept => ("what stands in < > is kept", ""),
        Tags::Escaped => ("what stands in < > is kept", "; entities are understood"),
        Tags::Stripped => ("what stands in < > is lost", "; ‹ › are written for them"),
    };
    pair(format!("{breaks}; {tags}"), format!("{first}{second}"))
}

fn put(put: Put) -> (String, String) {
    match put {
        Put::Partial => pair("yes", "what a person has changed is left out of an update"),
        Put::Whole => pair("no, it empties that", "what a person has changed is sent as it stands"),
    }
}

fn description(longest: Longest) -> (String, String) {
    match longest {
        Longest { most: None, .. } => pair("at least 40,000 characters", "logs may have all of their 16,000"),
        Longest { most: Some(most), cuts: false } => pair(
            format!("{most} characters; more is refused"),
            format!("logs are shortened to {most} at once, without being refused first"),
        ),
        Longest { most: Some(most), cuts: true } => pair(
            format!("{most} characters; what is longer is cut"),
            format!("logs are shortened to {most}, so that nothing of them, or of a person's words, is cut"),
        ),
    }
}

fn owner(owner: Owner) -> (String, String) {
    match owner {
        Owner::Anybody => pair("yes", "a log belongs to the agent, or the record's owner"),
        Owner::Only { .. } => {
            pair("no", "logs belong to the API client's own staff member, and no request is spent on another one")
        }
    }
}

fn token(voids: bool) -> (String, String) {
    if voids {
        pair("yes", "commands use the workers' token; no other program may use this API client")
    } else {
        pair("no", "each command may fetch its own")
    }
}

fn card(card: Card) -> (String, String) {
    let Card { first, second, late, lines, more_refused } = card;
    let late_says = late.map_or_else(|| "not known".to_owned(), |late| late.to_string());
    let limit = if more_refused { format!("at most {lines} lines") } else { format!("{lines} lines and more") };
    let so =
        if more_refused { format!("cards have at most {lines} lines") } else { "cards stay as they are".to_owned() };
    pair(
        format!("first {first}, second {second}, after the call {late_says}; {limit}"),
        format!("{so}; one card for each call; {late_says} after it is not tried again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_words_and_a_consequence() {
        use Spelling::{E164, International, Significant};
        let answers = |value: serde_json::Value| serde_json::from_value::<Answers>(value).unwrap();
        let one = |value: serde_json::Value| {
            let told = all(&answers(value), &Answers::default());
            assert_eq!(told.len(), 1, "{told:?}");
            format!("{} => {}", told[0].says, told[0].so)
        };
        for (answer, expected) in [
            (serde_json::json!({"search": []}), "no => it is not asked"),
            (serde_json::json!({"search": [Significant]}), "yes, as 612345678 => "),
            (
                serde_json::json!({"search": [E164, International]}),
                "only as they are written: +33612345678, +33 6 12 34 56 78 => a caller who is not in the directory is searched for in 2",
            ),
            (serde_json::json!({"contact_filters": []}), "nobody, or others"),
            (serde_json::json!({"contact_filters": [E164]}), "with 2 requests"),
            (serde_json::json!({"short_pages": true}), "until a page is empty"),
            (serde_json::json!({"short_pages": false}), "is the last one"),
            (serde_json::json!({"quota": {"headers": [], "per_minute": 149}}), "allows 149"),
            (
                serde_json::json!({"webhook_events": ["client", "people"]}),
                "changes of prospect, supplier, opportunity are read",
            ),
            (
                serde_json::json!({"links": {"contact": "missing", "company": "there"}}),
                "yes: company; no: contact => cards have no links",
            ),
            (
                serde_json::json!({"texts": {"breaks": "lost", "tags": "stripped"}}),
                "begins with a dot; the marker is looked for anywhere; ‹ ›",
            ),
            (serde_json::json!({"put": "whole"}), "is sent as it stands"),
            (
                serde_json::json!({"description": {"most": 5000, "cuts": true}}),
                "5000 characters; what is longer is cut",
            ),
            (serde_json::json!({"description": {"most": null, "cuts": false}}), "all of their 16,000"),
            (
                serde_json::json!({"owner": {"who": "only", "id": 17}}),
                "no => logs belong to the API client's own staff member",
            ),
            (serde_json::json!({"new_token_voids": true}), "commands use the workers' token"),
        ] {
            let said = one(answer);
            assert!(said.contains(expected), "{said}");
            assert!(!said.contains("17"), "no id: {said}");
        }
        let of_aircall = |value: serde_json::Value| all(&Answers::default(), &answers(value));
        assert!(
            of_aircall(serde_json::json!({"rate": {"headers": [], "per_minute": null}}))[0].so.contains("alone counts")
        );
        let card = of_aircall(
            serde_json::json!({"card": {"first": 204, "second": 204, "late": 405, "lines": 5, "more_refused": true}}),
        );
        assert_eq!(card[0].says, "first 204, second 204, after the call 405; at most 5 lines");
        assert!(all(&Answers::default(), &Answers::default()).is_empty());
    }
}
