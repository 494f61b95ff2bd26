//! The ledger's reasons in the language of the page.
//!
//! English is the ledger's own; French is matched here, so that a reason without a French sentence does not compile. Text from
//! another version or from an API is shown as it is, marked as English.

use base::rules::Outcome;
use ledger::timeline::Reason;
use maud::{Markup, html};

use super::{
    format::{count, kind_name},
    layout::Visitor,
    texts::Lang,
};

pub(super) fn sentence(visitor: &Visitor, reason: &Reason) -> Markup {
    match visitor.lang {
        Lang::English => html! { (reason) },
        Lang::French => in_french(visitor, reason),
    }
}

fn in_french(visitor: &Visitor, reason: &Reason) -> Markup {
    let sentence = |why| in_french(visitor, why);
    let kind = |kind| kind_name(visitor, kind).to_lowercase();
    let text = match reason {
        Reason::OnlyRecord => "la seule fiche qui porte ce numéro",
        Reason::OnlyUsableRecord => "la seule fiche non archivée qui porte ce numéro",
        Reason::KindFirst { kind: of, n: 1 } => return html! { (kind(*of)) " avant les autres types" },
        Reason::KindFirst { kind: of, n } => {
            return html! { (kind(*of)) " avant les autres types, et la première de " (n) };
        }
        Reason::FirstOfKind { n, kind: of } => return html! { "la première de " (n) " fiches de type " (kind(*of)) },
        Reason::NewestOfKind { n, kind: of } => {
            return html! { "la plus récente de " (n) " fiches de type " (kind(*of)) };
        }
        Reason::NoRecord => "aucune fiche utilisable ne porte ce numéro",
        Reason::AllArchived => "toutes les fiches qui portent ce numéro sont archivées",
        Reason::Withheld => "le numéro est masqué : il n’y a personne à chercher",
        Reason::Internal => "un numéro interne ou court : il n’est pas cherché",
        Reason::Unusable => "ce qui a été composé n’est pas un numéro : il n’est pas cherché",
        Reason::OwnLine => {
            "l’autre bout est un numéro de l’entreprise, dont les appels ne sont enregistrés chez personne (RULES)"
        }
        Reason::Ignored => "le numéro est de ceux à ignorer (RULES)",
        Reason::KindNotLogged { outbound, outcome } => {
            let direction = if *outbound { "sortants" } else { "entrants" };
            let outcome = match outcome {
                Outcome::Answered => "et décrochés",
                Outcome::Voicemail => "avec message vocal",
                Outcome::Missed => "et sans réponse",
            };
            return html! { "les appels " (direction) " " (outcome) " ne sont pas enregistrés sur cette ligne (RULES)" };
        }
        Reason::OutOfHours => "il a eu lieu en dehors des heures d’ouverture (RULES)",
        Reason::SupplierNotLogged => "les appels des fournisseurs ne sont enregistrés chez personne (RULES)",
        Reason::Pinned { by, at } => {
            return html! { "épinglé par " (by) ", le " (at.strftime("%d/%m/%Y").to_string()) };
        }
        Reason::PinGone { kind: of, id, then } => {
            return html! {
                "le numéro était épinglé à " (kind(*of)) " " (id) ", qui n’existe plus ou est archivé ; donc : "
                (sentence(then))
            };
        }
        Reason::Relinked { by, at } => {
            return html! { "déplacé ici par " (by) ", le " (at.strftime("%d/%m/%Y").to_string()) };
        }
        Reason::OpportunityNotWanted => "aucune, selon la personne qui a déplacé l’appel",
        Reason::EarliestOpportunity => "la plus anciennement créée parmi celles qui sont ouvertes ou en retard",
        Reason::NoOpportunity => "aucune opportunité n’est ouverte ni en retard",
        Reason::NobodyFound => "il n’y a pas de fiche",
        Reason::Supplier => "un fournisseur n’a pas d’opportunité",
        Reason::NoCompany => "un contact sans société n’a pas d’opportunité",
        Reason::CompanyIsSupplier => "la société du contact est un fournisseur : pas d’opportunité",
        Reason::OpportunitiesRefused { code } => {
            return html! { "Sellsy ne nous laisse pas lire les opportunités (" (code) ") : aucune" };
        }
        Reason::OpportunitiesUnread { code } => {
            return html! { "les opportunités n’ont pas pu être lues à temps pour la carte (" (code) ")" };
        }
        Reason::CompaniesUnread { code } => {
            return html! { "les sociétés du contact n’ont pas pu être lues à temps pour la carte (" (code) ")" };
        }
        Reason::CompaniesRefused { code } => {
            return html! { "Sellsy ne nous laisse pas lire les sociétés d’un contact (" (code) ") : pas d’opportunité" };
        }
        Reason::NoCard(why) => return html! { "pas de carte : " (sentence(why)) },
        Reason::NotLogged(why) => return html! { "pas enregistré : " (sentence(why)) },
        Reason::NotWritten(why) => return html! { "rien n’est écrit : " (sentence(why)) },
        Reason::NoInsights(why) => return html! { "pas d’analyse IA : " (sentence(why)) },
        Reason::NoTask(why) => return html! { "pas de tâche : " (sentence(why)) },
        Reason::NoSmartTags(why) => return html! { "pas de smart-tag : " (sentence(why)) },
        Reason::NoStep(why) => return html! { "l’opportunité reste à son étape : " (sentence(why)) },
        Reason::NoProspect(why) => return html! { "pas de prospect : " (sentence(why)) },
        Reason::NoComment(why) => return html! { "pas de commentaire : " (sentence(why)) },
        Reason::Erased => {
            "ses données ont été supprimées : il est plus ancien que RETENTION_DAYS, ou quelqu’un l’a demandé"
        }
        Reason::CallEnded => "l’appel est terminé",
        Reason::SpokenWith => "quelqu’un a parlé avec l’appelant",
        Reason::TagTakenOff => "le tag a été retiré, ou sa règle l’a été",
        Reason::AlreadyThere => "c’est déjà fait",
        Reason::OpportunityGone => "l’opportunité a disparu de Sellsy",
        Reason::OpportunityClosed => "l’opportunité n’est plus ouverte",
        Reason::InAnotherStep { step } => {
            return html! { "elle est à l’étape « " (step) " », d’où la règle ne la fait pas avancer (RULES)" };
        }
        Reason::StepUnknown { step } => return html! { "Sellsy n’a pas d’étape « " (step) " » (RULES)" },
        Reason::StepAmbiguous { step } => {
            return html! { "Sellsy a plusieurs étapes « " (step) " » : écrivez l’identifiant de l’une d’elles (RULES)" };
        }
        Reason::StepBackwards { step } => return html! { "l’étape « " (step) " » ne vient pas après la sienne" },
        Reason::FoundInSellsy => "Sellsy a une fiche avec ce numéro",
        Reason::ShownBefore => "la carte a déjà été affichée",
        Reason::ShownBeforeOrEnded => {
            "la carte a déjà été affichée, ou l’a été par une base perdue depuis, ou l’appel est terminé"
        }
        Reason::CardRefused { status } if status.starts_with("400") => {
            return html! { "Aircall a répondu " (status) " : il n’a pas accepté la carte" };
        }
        Reason::CardRefused { status } => return html! { "Aircall a répondu " (status) ", l’appel est terminé" },
        Reason::NotResolved => "l’appelant n’a pas encore été cherché",
        Reason::NobodyInSellsy => "personne dans Sellsy ne porte ce numéro",
        Reason::NotArrived => "l’appel lui-même n’est pas encore arrivé",
        Reason::RecordGone => "sa fiche a disparu de Sellsy ; l’appelant est cherché de nouveau",
        Reason::TopicUnknown { topic } => {
            return html! { "Sellsy n’a pas de libellé du nom de « " (topic) " » (RULES)" };
        }
        Reason::TopicsUnreadable { code } => {
            return html! { "les libellés de Sellsy ne peuvent pas être lus (" (code) ")" };
        }
        Reason::TopicRefused => "Sellsy a refusé le libellé",
        Reason::LogDeleted => "quelqu’un a supprimé son compte rendu dans Sellsy",
        Reason::UnknownToAircall => "Aircall ne connaît pas cet appel",
        Reason::OtherNumber => "l’appel a eu lieu sur un autre numéro",
        Reason::TooShort { lasted_s, more_than_s } => {
            let bound = count((*more_than_s).into());
            return html! { "l’appel a duré " (lasted_s) " s, et seuls ceux de plus de " (bound) " s en ont" };
        }
        Reason::TooLong { lasted_s, less_than_s } => {
            let bound = count((*less_than_s).into());
            return html! { "l’appel a duré " (lasted_s) " s, et seuls ceux de moins de " (bound) " s en ont" };
        }
        Reason::NothingForLog { event } => return html! { (event) " n’apporte rien au compte rendu" },
        Reason::NoContent { event } => return html! { (event) " est vide, et Aircall n’a rien non plus" },
        Reason::Failed { .. } | Reason::Other(_) => return html! { span lang="en" { (reason) } },
    };
    html! { (text) }
}

#[cfg(test)]
mod tests {
    use base::ids::Kind;
    use ledger::timeline::samples;

    use super::*;
    use crate::console::story::tests::{text_of, visitor};

    fn shown(lang: Lang, reason: &Reason) -> String {
        text_of(&sentence(&visitor(lang), reason))
    }

    #[test]
    fn every_reason_has_a_sentence_of_its_own_in_both_languages() {
        let (mut french, mut english) = (Vec::new(), Vec::new());
        for reason in samples::reasons() {
            french.push(shown(Lang::French, &reason));
            english.push(shown(Lang::English, &reason));
            let (in_french, in_english) = (french.last().unwrap(), english.last().unwrap());
            assert_eq!(*in_english, reason.to_string());
            let is_foreign = matches!(reason, Reason::Failed { .. } | Reason::Other(_));
            assert_eq!(in_french == in_english, is_foreign, "{in_french}");
        }
        for mut sentences in [french, english] {
            assert!(sentences.iter().all(|sentence| !sentence.trim().is_empty()));
            let all = sentences.len();
            sentences.sort();
            sentences.dedup();
            assert_eq!(sentences.len(), all, "two reasons say the same");
        }
    }

    #[test]
    fn details_are_in_the_sentence() {
        for (reason, french) in [
            (Reason::NoCard(Reason::CallEnded.into()), "pas de carte : l’appel est terminé"),
            (
                Reason::NoCard(Reason::Failed { code: "SELLSY_UNAVAILABLE".into(), error: "no answer".into() }.into()),
                "pas de carte : SELLSY_UNAVAILABLE: no answer",
            ),
            (
                Reason::NoInsights(Reason::TooLong { lasted_s: 10_800, less_than_s: 10_800 }.into()),
                "pas d’analyse IA : l’appel a duré 10800 s, et seuls ceux de moins de 10\u{202f}800 s en ont",
            ),
            (
                Reason::KindFirst { kind: Kind::Individual, n: 2 },
                "particulier avant les autres types, et la première de 2",
            ),
            (Reason::FirstOfKind { n: 3, kind: Kind::Contact }, "la première de 3 fiches de type contact"),
        ] {
            assert_eq!(shown(Lang::French, &reason), french);
        }
    }
}
