//! Every word of the pages, in French and in English.
//!
//! A text is a field, so one that is missing in a language, or that no page uses, does not compile.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lang {
    French,
    English,
}

impl Lang {
    pub(super) fn of(code: &str) -> Option<Self> {
        match code {
            "fr" => Some(Lang::French),
            "en" => Some(Lang::English),
            _ => None,
        }
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Lang::French => "fr",
            Lang::English => "en",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Lang::French => "Français",
            Lang::English => "English",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Lang::French => Lang::English,
            Lang::English => Lang::French,
        }
    }

    pub(super) fn texts(self) -> &'static Texts {
        match self {
            Lang::French => &FRENCH,
            Lang::English => &ENGLISH,
        }
    }
}

macro_rules! texts {
    ($($name:ident: $french:literal, $english:literal;)+) => {
        pub(super) struct Texts {
            $(pub(super) $name: &'static str,)+
        }

        static FRENCH: Texts = Texts { $($name: $french,)+ };
        static ENGLISH: Texts = Texts { $($name: $english,)+ };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $french, $english),)+];
    };
}

texts! {
    // Around every page
    overview: "Aperçu", "Overview";
    calls: "Appels", "Calls";
    call: "Appel", "Call";
    dead_letters: "Échecs", "Dead letters";
    directory: "Annuaire", "Directory";
    navigation: "Navigation principale", "Main navigation";
    pages: "Pages", "Pages";
    skip: "Aller au contenu", "Skip to content";
    log_out: "Se déconnecter", "Log out";
    log_in: "Se connecter", "Log in";
    login_intro: "La console de l’opérateur.", "The operator’s console.";
    password: "Mot de passe", "Password";
    wrong_password: "Ce mot de passe n’est pas le bon.", "That is not the password.";
    too_many_failures: "Trop d’essais. Réessayez dans {} s.", "Too many attempts. Try again in {} s.";
    session_over: "La session est terminée. Reconnectez-vous, puis recommencez.", "The session is over. Log in again, then repeat what you did.";
    foreign_form: "Ce formulaire ne vient pas de cette session. Rechargez la page et recommencez.", "This form is not from this session. Reload the page and try again.";
    odd_form: "Ce formulaire n’a pas de sens.", "This form makes no sense.";
    no_such_page: "Cette page n’existe pas.", "There is no such page.";
    no_such_call: "On ne sait rien de cet appel.", "Nothing is known of this call.";
    to_overview: "Vers l’aperçu", "To the overview";
    times_in: "heures de", "times in";
    ago: "il y a {}", "{} ago";
    close: "Fermer", "Close";
    of: "de", "of";
    none: "aucune", "none";
    nothing: "rien", "nothing";
    state: "État", "State";
    as_table: "En tableau", "As a table";

    // States
    ongoing: "En cours", "Under way";
    undecided: "À identifier", "To be matched";
    unlogged: "À enregistrer", "To be logged";
    logged: "Enregistré", "Logged";
    unmatched: "Sans fiche", "Unmatched";
    waiting: "En attente", "Waiting";
    parked: "En échec", "Parked";
    deleted: "Supprimé", "Deleted";

    // Overview
    last_day: "Les 24 dernières heures. La page se met à jour seule.", "The last 24 hours. The page refreshes itself.";
    logged_note: "dans Sellsy", "in Sellsy";
    unmatched_note: "personne n’a ce numéro", "nobody has this number";
    waiting_note: "pas encore traités", "not settled yet";
    parked_note: "messages à relancer", "messages to retry";
    calls_per_hour: "Appels par heure", "Calls per hour";
    chart_summary: "{all} appels en 24 heures, au plus {most} en une heure. Le tableau ci-dessous donne chaque heure.", "{all} calls in 24 hours, at most {most} in one hour. The table below has every hour.";
    hour: "Heure", "Hour";
    queues: "Files d’attente", "Queues";
    stage: "Étape", "Stage";
    messages: "Messages", "Messages";
    oldest_call: "Appel le plus ancien", "Oldest call";
    consumers: "Lecteurs", "Consumers";
    delayed: "À réessayer plus tard :", "To be tried again later:";
    age_note: "L’âge est celui de l’appel le plus ancien que l’étape n’a pas réglé.", "The age is that of the oldest call that the stage has not settled.";
    broker_away: "Le broker ne répond pas.", "The broker does not answer.";
    budgets: "Quotas des API", "API budgets";
    no_budget: "Aucune requête n’a encore été envoyée.", "No request has been sent yet.";
    requests_wait: "requêtes attendent", "requests wait";
    paused: "En pause pour", "Paused for";
    per_second: "seconde", "second";
    per_minute: "minute", "minute";
    per_day: "jour", "day";
    replicas: "Processus", "Processes";
    ready: "Prêt", "Ready";
    not_ready: "Pas prêt", "Not ready";
    silent: "Silencieux", "Silent";
    not_running: "Ne tourne pas", "Not running";
    process: "processus", "process";
    seen: "vu", "seen";
    up_for: "depuis", "up for";
    last_errors: "Dernières erreurs", "Last errors";
    no_errors: "Aucune erreur.", "No errors.";
    tried_again: "Réessayé", "Tried again";

    // Calls
    caller: "Correspondant", "Caller";
    withheld: "Numéro masqué", "Withheld number";
    inbound: "Entrant", "Inbound";
    outbound: "Sortant", "Outbound";
    record: "Fiche", "Record";
    agent: "Agent", "Agent";
    began: "Début", "Began";
    nobody: "Personne", "Nobody";
    number_or_record: "Numéro, fiche ou appel", "Number, record or call";
    search_hint: "Un numéro ou ses derniers chiffres, un nom ou un identifiant Sellsy, un identifiant d’appel.", "A number or its last digits, a name or id in Sellsy, the id of a call.";
    everybody: "Tous", "Everybody";
    any_state: "Tous", "Any";
    from: "Du", "From";
    until: "Au", "To";
    search: "Chercher", "Search";
    reset: "Effacer", "Reset";
    no_calls: "Aucun appel ne correspond.", "No call matches.";
    newest: "← Les plus récents", "← Newest";
    older: "Plus anciens →", "Older →";

    // Kinds of records
    individual: "Particulier", "Individual";
    company: "Société", "Company";
    contact: "Contact", "Contact";
    individuals: "Particuliers", "Individuals";
    companies: "Sociétés", "Companies";
    contacts: "Contacts", "Contacts";
    client: "client", "client";
    prospect: "prospect", "prospect";
    supplier: "fournisseur", "supplier";

    // One call
    why_there: "Pourquoi cette fiche ?", "Why this record?";
    story: "Histoire", "Story";
    log: "Compte rendu dans Sellsy", "Log in Sellsy";
    is_parked: "Un message de cet appel est en échec.", "A message about this call is parked.";
    retry_now: "Relancer", "Retry";
    not_decided: "Aucune décision encore.", "No decision yet.";
    only_for_card: "Pour la carte seulement : l’appel n’est pas terminé.", "For the card only: the call has not ended.";
    phone_call: "Appel Sellsy", "Sellsy call";
    comment: "Commentaire Sellsy", "Sellsy comment";
    written: "écrit", "written";
    not_logged: "Pas dans Sellsy.", "Not in Sellsy.";
    log_was_deleted: "Quelqu’un a supprimé le compte rendu dans Sellsy ; il reste supprimé.", "A person deleted the log in Sellsy; it stays deleted.";
    log_note: "Tel qu’il doit être maintenant ; un changement récent s’écrit en moins d’une minute.", "As it should be now; a recent change is written within a minute.";
    in_aircall: "Enregistrement dans Aircall", "Recording in Aircall";
    nothing_in_aircall: "Aircall n’a donné ni enregistrement ni messagerie pour cet appel.", "Aircall has told of no recording or voicemail of this call.";
    opportunity: "Opportunité", "Opportunity";
    open: "ouverte", "open";
    late: "en retard", "late";
    because: "motif :", "because";
    looked_up: "Cherché", "Looked up";
    candidates: "Toutes les fiches qui portent ce numéro", "Every record with this number";
    chosen: "Choisie", "Chosen";
    archived: "Archivée", "Archived";
    rule_in_short: "Un particulier passe avant une société, une société avant un contact ; à type égal, la première que Sellsy liste. Une fiche archivée ne compte pas.", "An individual comes before a company, a company before a contact; of one kind, the first that Sellsy lists. Archived records do not count.";
    in_directory: "dans l’annuaire", "in the phone directory";
    read_from_sellsy: "lu dans Sellsy", "read from Sellsy";
    asked_sellsy: "en demandant à Sellsy", "by asking Sellsy";
    remembered: "pas de nouveau : Sellsy n’avait personne peu avant", "not again: Sellsy had nobody a short while before";
    not_looked_up: "pas du tout", "not at all";

    // The story
    event_created: "Aircall : le téléphone sonne.", "Aircall: the phone rings.";
    event_ended: "Aircall : l’appel est terminé.", "Aircall: the call ended.";
    event_tagged: "Aircall : un tag a été ajouté.", "Aircall: a tag was added.";
    event_untagged: "Aircall : un tag a été retiré.", "Aircall: a tag was removed.";
    event_commented: "Aircall : une note a été écrite.", "Aircall: a note was written.";
    event_transferred: "Aircall : l’appel a été transféré vers l’extérieur.", "Aircall: the call was passed on to a number outside.";
    event_voicemail: "Aircall : un message vocal a été laissé.", "Aircall: a voicemail was left.";
    event_assets: "Aircall : l’enregistrement est prêt.", "Aircall: the recording is ready.";
    event_reconciled: "Vu dans la liste d’appels d’Aircall ; aucun webhook ne l’avait apporté.", "Seen in Aircall’s list of calls; no webhook had brought it.";
    was_looked_up: "Pour la carte :", "For the card:";
    was_decided: "Décision :", "Decided:";
    was_decided_again: "Nouvelle décision :", "Decided again:";
    card_shown: "La carte a été montrée à l’agent.", "The card was shown to the agent.";
    no_card: "Aucune carte n’a été montrée pendant l’appel.", "No card was shown during the call.";
    nothing_done: "Rien à faire :", "Nothing to do:";
    was_logged: "Enregistré :", "Logged:";
    was_updated: "Compte rendu mis à jour :", "Log updated:";
    was_adopted: "Une création à l’issue incertaine a été retrouvée :", "A creation that had ended unclear was found:";
    unknown_was_adopted: "Un compte rendu déjà présent dans Sellsy a été retrouvé :", "A log that was already in Sellsy was found:";
    links_refused: "Sellsy refuse les liens du compte rendu ; ils restent comme ils sont.", "Sellsy does not take the links of the log; they stay as they are.";
    refused_by_sellsy: "Refusé par Sellsy ; l’appelant est cherché de nouveau.", "Refused by Sellsy; the caller is looked up again.";
    put_off: "Changé ; écrit dans {} s avec ce qui change encore.", "Changed; written in {} s with what else changes.";
    insights_found: "Analyse IA :", "AI insights:";
    fetched: "demandée à Aircall", "asked of Aircall";
    in_the_event: "reçue avec l’événement", "came with the event";
    was_replayed: "Un opérateur a relancé le message :", "An operator replayed the message:";
    was_dropped: "Un opérateur a supprimé le message :", "An operator dropped the message:";
    was_parked: "Échec, mis de côté :", "Failed and parked:";
    was_put_back: "Échec, sera réessayé :", "Failed, to be tried again:";
    attempt: "essai", "attempt";
    no_answer: "pas de réponse", "no answer";

    // Dead letters
    nothing_parked: "Rien n’est en échec.", "Nothing is parked.";
    parked_intro: "Mis de côté avec leur raison, jamais perdus. Réparez la cause, puis relancez.", "Put aside with their reason, never lost. Mend the cause, then retry.";
    retry: "Relancer", "Retry";
    retry_all: "Tout relancer ({})", "Retry all ({})";
    retry_group: "Relancer le groupe ({})", "Retry group ({})";
    drop: "Supprimer…", "Drop…";
    drop_warning: "Ce que ces messages auraient écrit est perdu. Cela ne se défait pas.", "What these messages would have written is lost. This cannot be undone.";
    drop_for_good: "Supprimer définitivement ({})", "Drop for good ({})";
    what_helps: "Ce qui aide", "What helps";
    unknown_code: "Ce code n’est pas documenté.", "This code is not documented.";
    ingest_note: "Des webhooks qui n’ont pas été compris : aucun processus ne peut les reprendre. Regardez-les avec callbridge dead show, puis supprimez-les.", "Webhooks that were not understood: no worker can take them. Look at them with callbridge dead show, then drop them.";
    message_one: "message", "message";
    messages_lower: "messages", "messages";
    oldest: "le plus ancien", "oldest";
    newest_one: "le plus récent", "newest";
    event: "Événement", "Event";
    attempts: "Essais", "Attempts";
    last_failure: "Dernier échec", "Last failure";
    action: "Action", "Action";
    and_more: "… et {} autres.", "… and {} more.";
    replaying: "Relance en cours :", "Replaying:";
    replayed: "Relancés", "Replayed";
    dropping: "Suppression en cours :", "Dropping:";
    dropped: "Supprimés", "Dropped";
    not_replayable: "messages d’ingest ne peuvent pas être relancés.", "messages of ingest cannot be replayed.";
    another_job: "Une autre relance ou suppression est en cours. Attendez qu’elle se termine.", "Another replay or drop is under way. Wait until it has ended.";
    list_lacks: "La liste ne peut pas être affichée.", "The list cannot be shown.";
    list_comes: "La liste revient quand ce sera terminé.", "The list comes back when that is done.";

    // Directory
    explain_title: "Où irait un appel de ce numéro ?", "Where would a call from this number go?";
    number: "Numéro de téléphone", "Phone number";
    explain_hint: "Avec + et l’indicatif du pays, ou comme on le compose ici. Demande l’opportunité à Sellsy.", "With + and the country code, or as dialled here. Asks Sellsy for the opportunity.";
    explain: "Expliquer", "Explain";
    no_number: "Ce n’est pas un numéro de téléphone.", "That is no phone number.";
    no_credential: "La console n’a pas d’accès à Sellsy : réglez SELLSY_CLIENT_ID et SELLSY_CLIENT_SECRET.", "The console has no access to Sellsy: set SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET.";
    look_up_failed: "La recherche a échoué.", "The look-up failed.";
    directory_status: "État de l’annuaire", "State of the directory";
    directory_empty: "L’annuaire est vide : aucun resolver ne l’a encore lu.", "The directory is empty: no resolver has read it yet.";
    kind: "Type", "Kind";
    records: "Fiches", "Records";
    numbers: "Numéros", "Numbers";
    loaded: "Lu en entier", "Read whole";
    changes_read: "Changements lus", "Changes read";
    failed: "Échec", "Failed";
    reading: "Lecture en cours", "Reading";
    up_to_date: "À jour", "Up to date";
    read_changes: "Lire les changements maintenant", "Read changes now";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_something_and_have_the_same_gaps_to_fill() {
        for (name, french, english) in ALL {
            assert!(!french.trim().is_empty() && !english.trim().is_empty(), "{name}");
            for gap in ["{}", "{all}", "{most}"] {
                assert_eq!(french.contains(gap), english.contains(gap), "{name}: {gap}");
            }
            assert!(!french.contains('\'') && !english.contains('\''), "{name}: a typewriter's apostrophe");
        }
    }
}
