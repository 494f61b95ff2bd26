//! Reasons that workers write into the ledger, in the language of whoever reads them.
//!
//! Workers write one language, English, because a reason is also searched for and compared. What this table does not have is
//! shown as it was written, marked as English.

use maud::{Markup, html};

use super::texts::Lang;

/// Whole reasons.
const REASONS: &[(&str, &str)] = &[
    ("the only record with this number", "la seule fiche qui porte ce numéro"),
    ("the only record with this number that is not archived", "la seule fiche non archivée qui porte ce numéro"),
    ("no usable record has this number", "aucune fiche utilisable ne porte ce numéro"),
    ("every record with this number is archived", "toutes les fiches qui portent ce numéro sont archivées"),
    ("there is no record", "il n’y a pas de fiche"),
    ("a supplier has no opportunity", "un fournisseur n’a pas d’opportunité"),
    ("a contact without a company has no opportunity", "un contact sans société n’a pas d’opportunité"),
    (
        "the contact's company is a supplier: no opportunity",
        "la société du contact est un fournisseur : pas d’opportunité",
    ),
    (
        "the earliest created one that is open or late",
        "la plus anciennement créée parmi celles qui sont ouvertes ou en retard",
    ),
    ("no opportunity is open or late", "aucune opportunité n’est ouverte ni en retard"),
    ("the number is withheld: there is nobody to look up", "le numéro est masqué : il n’y a personne à chercher"),
    ("an internal number or a short code: it is not looked up", "un numéro interne ou court : il n’est pas cherché"),
    (
        "what was dialled is no phone number: it is not looked up",
        "ce qui a été composé n’est pas un numéro : il n’est pas cherché",
    ),
    ("open", "ouverte"),
    ("late", "en retard"),
    ("the call has ended", "l’appel est terminé"),
    ("it was shown before", "elle a déjà été affichée"),
    ("it was shown before, or the call has ended", "elle a déjà été affichée, ou l’appel est terminé"),
    ("it has not been resolved yet", "l’appelant n’a pas encore été cherché"),
    ("nobody in Sellsy has its number", "personne dans Sellsy ne porte ce numéro"),
    ("the call itself has not arrived yet", "l’appel lui-même n’est pas encore arrivé"),
    (
        "its record is gone from Sellsy; the caller is looked up again",
        "sa fiche a disparu de Sellsy ; l’appelant est cherché de nouveau",
    ),
    ("a person has deleted its log in Sellsy", "quelqu’un a supprimé son compte rendu dans Sellsy"),
    ("Aircall does not know this call", "Aircall ne connaît pas cet appel"),
    ("the call was on another number", "l’appel a eu lieu sur un autre numéro"),
    ("individual", "particulier"),
    ("company", "société"),
    ("contact", "contact"),
];

/// How a reason begins; what follows the colon is a reason of its own.
const BEGINNINGS: &[(&str, &str)] = &[
    ("no card: ", "pas de carte : "),
    ("not logged: ", "pas enregistré : "),
    ("not written: ", "rien n’est écrit : "),
    ("no insights: ", "pas d’analyse IA : "),
];

/// The reason as it reads on a page.
pub(super) fn told(lang: Lang, reason: &str) -> Markup {
    match (lang, in_french(reason)) {
        (Lang::French, Some(french)) => html! { (french) },
        (Lang::French, None) => html! { span lang="en" { (reason) } },
        (Lang::English, _) => html! { (reason) },
    }
}

fn in_french(reason: &str) -> Option<String> {
    if let Some((_, french)) = REASONS.iter().find(|(english, _)| *english == reason) {
        return Some((*french).into());
    }
    for (english, french) in BEGINNINGS {
        if let Some(rest) = reason.strip_prefix(english) {
            return Some(format!("{french}{}", in_french(rest).unwrap_or_else(|| rest.to_owned())));
        }
    }
    with_numbers(reason)
}

fn with_numbers(reason: &str) -> Option<String> {
    if let Some(rest) = reason.strip_prefix("the first of ") {
        let (n, kind) = rest.split_once(" records of kind ")?;
        return Some(format!("la première de {n} fiches de type {}", in_french(kind)?));
    }
    if let Some((kind, rest)) = reason.split_once(" before the other kinds") {
        let first = format!("{} avant les autres types", in_french(kind)?);
        return match rest.strip_prefix(", and the first of ") {
            Some(n) => Some(format!("{first}, et la première de {n}")),
            None => Some(first),
        };
    }
    if let Some(rest) = reason.strip_prefix("the call lasted ") {
        let (seconds, bound) = rest.split_once(" s, and only calls of ")?;
        let bound = bound.strip_suffix(" get them")?.replace("more than", "plus de").replace("less than", "moins de");
        return Some(format!("l’appel a duré {seconds} s, et seuls ceux de {} en ont", bound.replace(',', " ")));
    }
    if let Some(status) =
        reason.strip_prefix("Aircall answered ").and_then(|rest| rest.strip_suffix(", the call is over"))
    {
        return Some(format!("Aircall a répondu {status}, l’appel est terminé"));
    }
    if let Some(kind) = reason.strip_suffix(" has no content, and Aircall has none either") {
        return Some(format!("{kind} est vide, et Aircall n’a rien non plus"));
    }
    let kind = reason.strip_suffix(" carries nothing for a log")?;
    Some(format!("{kind} n’apporte rien au compte rendu"))
}

#[cfg(test)]
mod tests {
    use ledger::resolution::Record;
    use resolver::rules;
    use serde_json::json;

    use super::*;

    /// One of each kind, and how many.
    fn candidates(of: &[(&str, usize, bool)]) -> Vec<Record> {
        let records = of.iter().flat_map(|(kind, n, archived)| {
            (0..*n).map(move |id| {
                serde_json::from_value(json!({ "kind": kind, "id": id, "name": "", "archived": archived })).unwrap()
            })
        });
        records.collect()
    }

    #[test]
    fn every_rule_of_the_resolver_is_told_in_french() {
        for of in [
            &[][..],
            &[("individual", 1, false)],
            &[("individual", 1, true)],
            &[("individual", 1, true), ("company", 1, false)],
            &[("individual", 1, false), ("company", 2, false)],
            &[("company", 3, false)],
            &[("company", 2, false), ("contact", 1, false)],
        ] {
            let (_, rule) = rules::choose(&candidates(of));
            assert!(in_french(&rule).is_some_and(|french| french != rule), "{rule}");
        }
        for record in [
            json!({ "kind": "individual", "id": 1, "name": "", "relation": "supplier" }),
            json!({ "kind": "contact", "id": 1, "name": "" }),
            json!({ "kind": "contact", "id": 1, "name": "", "companies": [{ "id": 2, "name": "", "relation": "supplier" }] }),
        ] {
            let rule = rules::opportunity_owner(&serde_json::from_value(record).unwrap()).unwrap_err();
            assert!(in_french(rule).is_some(), "{rule}");
        }
        let owner = rules::opportunity_owner(&candidates(&[("individual", 1, false)])[0]).unwrap();
        assert!(in_french(rules::choose_opportunity(&owner, &[]).1).is_some());
    }

    #[test]
    fn reasons_with_parts_are_told_and_unknown_ones_stay_as_they_are() {
        for (english, french) in [
            ("no card: the call has ended", Some("pas de carte : l’appel est terminé")),
            ("no card: SELLSY_UNAVAILABLE: away", Some("pas de carte : SELLSY_UNAVAILABLE: away")),
            (
                "no insights: the call lasted 60 s, and only calls of more than 60 s get them",
                Some("pas d’analyse IA : l’appel a duré 60 s, et seuls ceux de plus de 60 s en ont"),
            ),
            (
                "individual before the other kinds, and the first of 2",
                Some("particulier avant les autres types, et la première de 2"),
            ),
            ("something new", None),
        ] {
            assert_eq!(in_french(english).as_deref(), french, "{english}");
        }
    }
}
