//! Aircall's codes in the words of the log's language. An unknown code is shown as it is, made readable.

use base::settings::Language;
use vendors::aircall::wire::MissedReason;

/// Why nobody answered the call.
pub(crate) fn missed_reason(reason: &MissedReason, language: Language) -> String {
    let (french, english) = match reason {
        MissedReason::OutOfOpeningHours => ("hors des horaires d’ouverture", "outside opening hours"),
        MissedReason::ShortAbandoned => ("raccroché aussitôt", "hung up at once"),
        MissedReason::AbandonedInIvr => ("raccroché dans le menu vocal", "hung up in the voice menu"),
        MissedReason::AbandonedInClassic => ("raccroché avant la réponse", "hung up before an answer"),
        MissedReason::NoAvailableAgent => ("aucun collaborateur disponible", "no agent available"),
        MissedReason::AgentsDidNotAnswer => ("les collaborateurs n’ont pas répondu", "the agents did not answer"),
        MissedReason::Other(code) => return readable(code),
    };
    in_language(language, french, english)
}

/// How somebody felt, according to Aircall's AI.
pub(crate) fn sentiment(value: &str, language: Language) -> String {
    let (french, english) = match value {
        "POSITIVE" => ("positif", "positive"),
        "NEUTRAL" => ("neutre", "neutral"),
        "NEGATIVE" => ("négatif", "negative"),
        code => return readable(code),
    };
    in_language(language, french, english)
}

fn in_language(language: Language, french: &str, english: &str) -> String {
    match language {
        Language::French => french.to_owned(),
        Language::English => english.to_owned(),
    }
}

fn readable(code: &str) -> String {
    code.replace('_', " ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_reason_has_words_and_an_unknown_one_stays_readable() {
        for (code, french, english) in [
            ("out_of_opening_hours", "hors des horaires d’ouverture", "outside opening hours"),
            ("short_abandoned", "raccroché aussitôt", "hung up at once"),
            ("abandoned_in_ivr", "raccroché dans le menu vocal", "hung up in the voice menu"),
            ("abandoned_in_classic", "raccroché avant la réponse", "hung up before an answer"),
            ("no_available_agent", "aucun collaborateur disponible", "no agent available"),
            ("agents_did_not_answer", "les collaborateurs n’ont pas répondu", "the agents did not answer"),
            ("blocked_by_carrier", "blocked by carrier", "blocked by carrier"),
        ] {
            let reason = MissedReason::from(code.to_owned());
            assert_eq!(missed_reason(&reason, Language::French), french);
            assert_eq!(missed_reason(&reason, Language::English), english);
        }
    }

    #[test]
    fn sentiments_too() {
        for (code, french, english) in [
            ("POSITIVE", "positif", "positive"),
            ("NEUTRAL", "neutre", "neutral"),
            ("NEGATIVE", "négatif", "negative"),
            ("VERY_MIXED", "very mixed", "very mixed"),
        ] {
            assert_eq!(sentiment(code, Language::French), french);
            assert_eq!(sentiment(code, Language::English), english);
        }
    }
}
