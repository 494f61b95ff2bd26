//! What an API says of a request that it has refused: the first thing that an operator needs.
//!
//! Such a text may hold anything: a name, a number, what we had sent. So only what is certainly about nobody is kept: the words that such messages are
//! made of, in English and French, the names of fields, and small numbers that stand alone. All else becomes an ellipsis.

use std::{
    collections::{BTreeSet, HashSet},
    sync::LazyLock,
};

use serde_json::Value;

/// Longer ones are cut.
const LONGEST: usize = 240;
/// A field's name is no longer.
const LONGEST_NAME: usize = 40;
const HIDDEN: &str = "…";

/// What messages about requests are made of. No word of it is a name.
static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let english = "a access account allowed already an and any archived are array as at authentication authorized bad be been between body \
                   boolean by can cannot character characters check client closed conflict could credential credentials date deleted denied \
                   does duplicate email empty equal error exceeded exist exists expected expired failed field fields following for forbidden \
                   format found from greater has have id in included incorrect insufficient integer invalid is it key large least length less \
                   limit locked long many match maximum may method minimum missing month more most must name no not null number object of on \
                   one only or out page parameter parameters permission permissions phone plan please property quota range rate read record \
                   refused request requests required resource right rights scope scopes second server short should string subscription than \
                   that the this time to token too type unauthorized unexpected unknown unsupported update url used user valid value values \
                   was were with without write wrong you your";
    let french = "accès argument attendu au aucun aucune autorisation autorisé autorisée aux avec caractère caractères ce cet cette chaîne \
                  champ champs client compte corps court courte d dans date de demande dépassée des doit doivent données doublon droit \
                  droits du déjà en entier entre erreur est et existe existent expiré fiche format heure identifiant identifiants inconnu \
                  inconnue incorrect incorrecte inférieur insuffisant interdit introuvable invalide invalides jeton l la le les limite \
                  longueur longue manquant manquante maximum message minimum moins n ne nom nombre numéro obligatoire ont ou par paramètre \
                  pas plus pour propriété qu que refus refusé refusée requête requis requise ressource s sont supérieur supprimé \
                  supprimée sur trop trouvé trouvée type un une valeur valeurs vide à égal être";
    english.split_whitespace().chain(french.split_whitespace()).collect()
});

/// The message of an error, and what it says of each field. `sent` is the body of the request, if it had one.
pub(super) fn words(error: &Value, sent: Option<&[u8]>) -> Option<String> {
    let of = error.get("error").filter(|error| error.is_object()).unwrap_or(error);
    let text = |name: &str| of[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let said = text("message").or_else(|| text("error_description")).or_else(|| text("troubleshoot"));
    let fields = of["details"].as_object().into_iter().flatten();
    let fields = fields.filter_map(|(name, value)| Some(format!("{name}: {}", of_field(value)?)));
    let all: Vec<String> = said.or_else(|| text("error")).map(str::to_owned).into_iter().chain(fields).collect();
    let sent: Value = sent.and_then(|sent| serde_json::from_slice(sent).ok()).unwrap_or_default();
    let mut names = BTreeSet::new();
    gather(&sent, &mut names);
    gather(&of["details"], &mut names);
    let kept = without_others(&all.join("; "), &names);
    // Nothing but ellipses says nothing.
    if !kept.chars().any(char::is_alphabetic) {
        return None;
    }
    let mut short: String = kept.chars().take(LONGEST).collect();
    if short.len() < kept.len() {
        short.push_str(HIDDEN);
    }
    Some(short)
}

fn of_field(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => Some(all.iter().filter_map(of_field).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let each = fields.iter().filter_map(|(name, value)| Some(format!("{name}: {}", of_field(value)?)));
            Some(each.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}

/// The names of fields, as APIs write them: small letters and underscores.
fn gather(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_name = name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                names.extend(is_name.then(|| name.clone()));
                gather(value, names);
            }
        }
        Value::Array(all) => all.iter().for_each(|value| gather(value, names)),
        _ => {}
    }
}

fn is_number(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit())
}

fn without_others(text: &str, names: &BTreeSet<String>) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut kept: Vec<String> = Vec::new();
    for (n, word) in words.iter().enumerate() {
        // The pieces of a phone number stand beside each other.
        let neighbours = [n.checked_sub(1), Some(n + 1)].into_iter().flatten().filter_map(|n| words.get(n));
        let is_short = word.chars().filter(char::is_ascii_digit).count() <= 3;
        let is_alone = is_short && !neighbours.into_iter().any(|other| is_number(other));
        let mut shown = String::new();
        for piece in word.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
            let bare = piece.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_');
            let lower = bare.to_lowercase();
            let is_small = is_alone && (1..=3).contains(&bare.len()) && bare.chars().all(|c| c.is_ascii_digit());
            let is_kept = bare.is_empty() || is_small || KNOWN.contains(lower.as_str()) || names.contains(&lower);
            shown.push_str(if is_kept { bare } else { HIDDEN });
            shown.extend(piece[bare.len()..].chars().filter(|c| !c.is_control() && !"\"«»“”`@+".contains(*c)));
        }
        while shown.contains("……") {
            shown = shown.replace("……", HIDDEN);
        }
        if shown.starts_with(HIDDEN) && kept.last().is_some_and(|last| last == HIDDEN) {
            kept.pop();
        }
        kept.push(shown);
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_api_says_without_what_may_be_about_people() {
        let sent =
            json!({ "subject": "Camille Moreau", "due_date": "2026-11-30", "description": "Rappeler" }).to_string();
        for (error, expected) in [
            (
                json!({ "error": { "code": 400, "message": "Données invalides", "details": { "due_date": "due_date is wrong" } } }),
                Some("Données invalides; due_date: due_date is wrong"),
            ),
            (json!({ "error": { "message": "Camille Moreau n'existe pas", "details": [] } }), Some("… n'existe pas")),
            (
                json!({ "error": { "message": "the value \"Léa Petit\" of +33 6 39 98 41 07 or lea@example.com", "details": {} } }),
                Some("the value … of … or ….…"),
            ),
            (
                json!({ "error": { "message": "", "details": { "number": ["too long", "at most 255 characters"] } } }),
                Some("number: too long, at most 255 characters"),
            ),
            (
                json!({ "error": "invalid_client", "error_description": "Client authentication failed" }),
                Some("Client authentication failed"),
            ),
            (
                json!({ "error": "Not Found", "troubleshoot": "Please check the id 3811600001" }),
                Some("Please check the id …"),
            ),
            (json!({ "error": { "message": "Camille Moreau" } }), None),
            (json!({ "error": { "details": { "a": 3 } } }), None),
            (json!("a page"), None),
            (json!(null), None),
        ] {
            let said = words(&error, Some(sent.as_bytes()));
            assert_eq!(said.as_deref(), expected, "{error}");
        }
        let long = words(&json!({ "error": { "message": "date ".repeat(500) } }), None).unwrap();
        assert!(long.chars().count() <= LONGEST + 1 && long.ends_with(HIDDEN), "{long}");
    }

    #[test]
    fn nothing_unknown_gets_through() {
        for text in
            ["canary-of-what-was-said", "+33 6 39 98 98 98", "06.39.98.98.98", "eyJhbGciOi.JSUzI1", "Zoé Ümlaut"]
        {
            let said = words(&json!({ "error": { "message": format!("invalid value {text}") } }), None).unwrap();
            let without: String = said.replace("invalid value", "");
            for piece in text.split(|c: char| !c.is_alphanumeric()).filter(|piece| piece.len() > 3) {
                assert!(KNOWN.contains(piece) || !without.contains(piece), "{piece} in {said}");
            }
            assert!(!without.contains("98") && !without.contains("39"), "{said}");
        }
    }
}
