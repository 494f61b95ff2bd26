//! Every text of the pages, in French and in English.
//!
//! A text is a field, so a text that is missing in a language, or that no page uses, does not compile.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lang {
    French,
    English,
}

impl Lang {
    pub(super) fn from_code(code: &str) -> Option<Self> {
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

/// For what is kept in one language only.
pub(super) fn in_english() -> &'static Texts {
    &ENGLISH
}

/// `[acts]` makes the texts of that module a field.
macro_rules! texts {
    ($([$more:ident])* $($name:ident: $french:literal, $english:literal;)+) => {
        pub(in crate::console) struct Texts {
            $(pub(in crate::console) $more: &'static $more::Texts,)*
            $(pub(in crate::console) $name: &'static str,)+
        }

        pub(in crate::console) static FRENCH: Texts = Texts { $($more: &$more::FRENCH,)* $($name: $french,)+ };
        pub(in crate::console) static ENGLISH: Texts = Texts { $($more: &$more::ENGLISH,)* $($name: $english,)+ };

        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $french, $english),)+];
    };
}

pub(super) use texts;

mod acts;

texts! {
    [acts]

    // Around every page
    overview: "Aperçu", "Overview";
    calls: "Appels", "Calls";
    call: "Appel", "Call";
    dead_letters: "Messages en échec", "Dead letters";
    directory: "Annuaire", "Directory";
    reports: "Rapports", "Reports";
    navigation: "Navigation principale", "Main navigation";
    pages: "Pages", "Pages";
    skip: "Aller au contenu", "Skip to content";
    log_out: "Se déconnecter", "Log out";
    log_in: "Se connecter", "Log in";
    login_intro: "La console de l’équipe.", "The team’s console.";
    sign_in_elsewhere: "Se connecter avec le compte de l’entreprise", "Sign in with your company account";
    only_by_proxy: "On se connecte ici par le proxy de l’entreprise, qui n’a pas dit qui vous êtes. Ouvrez la console par son adresse habituelle.", "People sign in here through the company’s proxy, which has not said who you are. Open the console by its usual address.";
    provider_fails: "Le fournisseur d’identité n’a pas permis la connexion. Réessayez ; le journal de la console en donne la raison.", "The identity provider did not let you in. Try again; the console’s log says why.";
    sign_in_again: "Cette connexion a expiré ou a commencé ailleurs. Recommencez.", "This sign-in has expired, or began elsewhere. Start again.";
    no_role: "Vous êtes connecté, mais vous n’avez aucun rôle dans Callbridge. Demandez-en un à votre administrateur (CONSOLE_ADMINS, CONSOLE_OPERATORS, CONSOLE_VIEWERS).", "You are signed in, but have no role in Callbridge. Ask your administrator for one (CONSOLE_ADMINS, CONSOLE_OPERATORS, CONSOLE_VIEWERS).";
    not_your_role: "Votre rôle ne permet pas cela. L’essai est noté au journal des actions.", "Your role does not allow this. That you tried stands in the audit.";
    wrong_token: "Ce jeton ou ce mot de passe n’est pas valable.", "This token or password is not valid.";
    name_hint: "Facultatif ; apparaît à côté de ce que vous faites.", "Optional; stands beside what you do.";
    role_viewer: "lecture", "viewer";
    role_operator: "opérateur", "operator";
    role_admin: "administrateur", "admin";
    audit: "Journal", "Audit";
    audit_intro: "Ce que chacun a fait à la main, et ce que cela a donné. Sans résultat, une action est en cours, ou son processus s’est arrêté avant la fin.", "What everybody did by hand, and what came of it. An act without a result goes on, or its process ended before it was over.";
    nothing_by_hand: "Rien n’a encore été fait à la main.", "Nothing has been done by hand yet.";
    who: "Qui", "Who";
    subject: "Sur quoi", "Of what";
    result: "Résultat", "Result";
    result_done: "Fait", "Done";
    result_refused: "Refusé", "Refused";
    result_failed: "Échoué", "Failed";
    result_unknown: "Sans résultat", "No result";
    password: "Mot de passe", "Password";
    wrong_password: "Mot de passe incorrect.", "Wrong password.";
    too_many_failures: "Trop d’essais. Réessayez dans {} s.", "Too many attempts. Try again in {} s.";
    too_many_for_programs: "Trop d’essais ; l’en-tête Retry-After dit quand réessayer.", "Too many attempts; the header Retry-After says when to try again.";
    session_over: "La session a expiré. Reconnectez-vous, puis recommencez.", "The session has ended. Log in again, then repeat what you did.";
    foreign_form: "Ce formulaire ne vient pas de cette session. Rechargez la page et recommencez.", "This form does not belong to this session. Reload the page and try again.";
    invalid_form: "Ce formulaire n’est pas valide.", "This form is not valid.";
    no_such_page: "Cette page n’existe pas.", "This page does not exist.";
    no_such_call: "Cet appel est inconnu.", "This call is not known.";
    to_overview: "Retour à l’aperçu", "Back to the overview";
    times_in: "heures de", "times in";
    ago: "il y a {}", "{} ago";
    close: "Fermer", "Close";
    keys: "Raccourcis clavier", "Keyboard shortcuts";
    key_search: "chercher", "search";
    key_rows: "ligne suivante, ligne précédente", "next line, previous line";
    key_open: "ouvrir", "open";
    of: "de", "of";
    none: "aucune", "none";
    nothing: "rien", "nothing";
    state: "État", "State";
    as_table: "En tableau", "As a table";

    // States
    ongoing: "En cours", "In progress";
    undecided: "À identifier", "To be matched";
    unlogged: "À enregistrer", "To be logged";
    logged: "Enregistré", "Logged";
    unmatched: "Sans fiche", "Unmatched";
    waiting: "En attente", "Waiting";
    parked: "En échec", "Parked";
    deleted: "Supprimé", "Deleted";

    // Overview
    last_day: "24 heures", "24 hours";
    last_week: "7 jours", "7 days";
    last_month: "30 jours", "30 days";
    period: "Période", "Period";
    trend: "{} % par rapport à la semaine d’avant", "{} % against the week before";
    call_to_log: "De l’appel au compte rendu", "From call to log";
    half_within: "la moitié en moins de {}", "half within {}";
    most_within: "95 % en moins de {}", "95 % within {}";
    quota_of: "Quota", "Quota";
    of_the_minute: "de la minute", "of the minute";
    since: "depuis", "since";
    last_time: "la dernière fois", "last";
    look_at: "Regarder", "Look";
    call_back: "Rappeler", "Call back";
    needs_somebody: "Ce qui demande quelqu’un", "What needs somebody";
    nothing_needed: "Rien ne demande votre attention.", "Nothing needs your attention.";
    need_broker: "Le broker ne répond pas", "The broker does not answer";
    need_broker_why: "Les appels attendent dans la base ; rien n’est perdu.", "Calls wait in the database; nothing is lost.";
    need_worker_gone: "Aucun processus {} ne tourne", "No process of {} runs";
    need_worker_not_ready: "{} ne peut pas travailler", "{} cannot work";
    without_ingest: "Les webhooks d’Aircall ne sont pas reçus. Aircall les envoie encore pendant quelques minutes ; les appels manquants se retrouvent ensuite dans sa liste.", "Aircall’s webhooks are not received. Aircall sends them again for some minutes; missing calls are found in its list later.";
    without_resolver: "Aucune carte n’est montrée, et aucun appel n’est identifié. Ils attendent.", "No card is shown and no caller is matched. Calls wait.";
    without_logger: "Aucun compte rendu n’est écrit dans Sellsy. Les appels attendent.", "No log is written in Sellsy. Calls wait.";
    without_insights: "Les analyses IA ne sont pas ajoutées. Elles attendent.", "AI insights are not added. They wait.";
    without_followups: "Ni tâches, ni prospects, ni messages ne sont écrits. Ils attendent.", "No tasks, prospects and messages are written. They wait.";
    need_webhook: "Aircall n’envoie pas d’événements", "Aircall sends no events";
    need_webhook_why: "Il n’a pas de webhook actif pour Callbridge : les appels n’arrivent que par sa liste, en retard et sans carte.", "It has no active webhook for Callbridge: calls come only through its list, late and without a card.";
    need_paused: "Aucune requête à {} pour l’instant", "No requests to {} for now";
    need_paused_why: "Reprend au plus tôt dans {}.", "Goes on in {} at the earliest.";
    need_day_used_up: "Les requêtes du jour à {} sont épuisées", "The day’s requests to {} are used up";
    need_month_used_up: "Les requêtes du mois à {} sont épuisées", "The month’s requests to {} are used up";
    need_used_up_why: "Les comptes rendus attendent que le quota revienne. Regardez quel programme l’utilise, ou demandez-en davantage.", "Logs wait until the quota is back. Look which program uses it, or ask for more.";
    need_other_dead_why: "Des messages en échec qui n’appartiennent à aucun appel connu.", "Dead letters that belong to no known call.";
    need_failing_why: "Réessayé ; sans correction, ces messages seront mis de côté. Appels :", "Retried; unless it is put right, these messages will be set aside. Calls:";
    need_directory: "L’annuaire ({}) ne peut pas être lu", "The directory ({}) cannot be read";
    need_directory_stale: "L’annuaire ({}) n’est plus à jour", "The directory ({}) is out of date";
    need_directory_stale_why: "Les changements faits dans Sellsy depuis ne sont pas connus. Un numéro inconnu est encore cherché dans Sellsy.", "Changes made in Sellsy since are not known. A number that is not in it is still looked up in Sellsy.";
    need_delay: "La file d’attente {} est en retard", "The delay queue {} is late";
    need_delay_why: "Un message y est resté {} de trop ; Callbridge reprend lui-même ce qui doit l’être.", "A message stayed there {} too long; Callbridge hands on by itself what is due.";
    need_missed: "{} personnes ont appelé depuis hier et n’ont eu personne", "{} people have rung since yesterday and reached nobody";
    need_missed_one: "Une personne a appelé depuis hier et n’a eu personne", "One person has rung since yesterday and reached nobody";
    need_missed_why: "Personne ne leur a encore parlé.", "Nobody has spoken with them yet.";
    logged_note: "dans Sellsy", "in Sellsy";
    unmatched_note: "sans fiche, ou laissés de côté par les règles", "no record, or left out by the rules";
    waiting_note: "pas encore traités", "not finished yet";
    parked_note: "avec un message en échec", "with a dead letter";
    calls_per_hour: "Appels par heure", "Calls per hour";
    calls_per_quarter: "Appels par quart de journée", "Calls per quarter of a day";
    calls_per_day: "Appels par jour", "Calls per day";
    chart_summary: "{all} appels, au plus {most} par barre. Le tableau ci-dessous donne chaque barre.", "{all} calls, at most {most} in one bar. The table below has every bar.";
    queues: "Files d’attente", "Queues";
    stage: "Étape", "Stage";
    messages: "Messages", "Messages";
    oldest_call: "Appel le plus ancien", "Oldest call";
    consumers: "Consommateurs", "Consumers";
    delayed: "À réessayer plus tard :", "To be retried later:";
    age_note: "L’âge est celui de l’appel le plus ancien que l’étape n’a pas encore traité.", "The age is that of the oldest call that the stage has not finished.";
    budgets: "Quotas des API", "API budgets";
    no_budget: "Aucune requête n’a encore été envoyée.", "No request has been sent yet.";
    requests_wait: "requêtes en attente", "requests waiting";
    gathered_longer: "Des requêtes attendent leur tour : les modifications sont regroupées jusqu’à cinq minutes, un nouvel appel attend les modifications de la première minute et demie.", "Requests wait for their turn: changes are gathered for up to five minutes, and new logs wait for the changes of their first minute and a half.";
    paused: "En pause pour", "Paused for";
    per_second: "seconde", "second";
    per_minute: "minute", "minute";
    per_day: "jour", "day";
    per_month: "mois", "month";
    replicas: "Processus", "Processes";
    ready: "Prêt", "Ready";
    not_ready: "Pas prêt", "Not ready";
    silent: "Silencieux", "Silent";
    not_running: "Ne tourne pas", "Not running";
    process: "processus", "process";
    seen: "vu", "seen";
    up_for: "depuis", "up for";
    last_errors: "Derniers échecs, par code", "Last failures, by code";
    no_errors: "Aucun échec noté pour un appel.", "No failure is noted for any call.";
    tried_again: "Réessayé", "Retried";

    // Calls
    caller: "Correspondant", "Caller";
    withheld: "Numéro masqué", "Withheld number";
    inbound: "Entrant", "Inbound";
    outbound: "Sortant", "Outbound";
    record: "Fiche", "Record";
    agent: "Agent", "Agent";
    began: "Début", "Started";
    nobody: "Personne", "Nobody";
    number_or_record: "Numéro, fiche ou appel", "Number, record or call";
    search_hint: "Un numéro ou ses derniers chiffres, un nom, une fiche (société 3001), l’identifiant d’un appel ou d’un compte rendu.", "A number or its last digits, a name, a record (company 3001), the id of a call or of a log.";
    everybody: "Tous", "All";
    any_state: "Tous", "All";
    from: "Du", "From";
    until: "Au", "To";
    search: "Chercher", "Search";
    reset: "Effacer", "Reset";
    no_calls: "Aucun appel ne correspond.", "No call matches.";
    too_few_digits: "D’un numéro, il faut au moins ses quatre derniers chiffres.", "Of a number, at least its last four digits are needed.";
    one_call: "1 appel", "1 call";
    n_calls: "{} appels", "{} calls";
    more_calls: "Plus de {} appels", "More than {} calls";
    unknown_filter: "Le filtre « {} » n’existe pas ; il est ignoré.", "There is no filter “{}”; it is ignored.";
    unknown_state: "L’état « {} » n’existe pas ; il est ignoré.", "There is no state “{}”; it is ignored.";
    no_date: "« {} » n’est pas une date ; écrivez par exemple 2026-11-30.", "“{}” is not a date; write for example 2026-11-30.";
    as_csv: "Exporter (CSV)", "Export (CSV)";
    order: "Ordre", "Order";
    newest_first: "Les plus récents d’abord", "Newest first";
    oldest_first: "Les plus anciens d’abord", "Oldest first";
    read_in_sellsy: "Lire le compte rendu dans Sellsy", "Read the log in Sellsy";
    one_request_to_sellsy: "Une requête à Sellsy.", "One request to Sellsy.";
    not_read_in_sellsy: "Le compte rendu n’a pas pu être lu.", "The log could not be read.";
    gone_in_sellsy: "Sellsy n’a plus ce compte rendu : quelqu’un l’a supprimé.", "Sellsy does not have this log any more: somebody has deleted it.";
    marked_is_theirs: "Ce qui est surligné a été écrit par une personne et reste tel quel.", "What is marked was written by a person, and stays.";
    says_the_same: "Notre partie dit ce qu’elle doit dire maintenant.", "Our part says what it is to say now.";
    says_other: "Notre partie dit autre chose que ce qu’elle doit dire maintenant.", "Our part says something other than it is to say now.";
    changed_in_sellsy: "Modifié dans Sellsy", "Changed in Sellsy";
    saved_filters: "Filtres enregistrés", "Saved filters";
    save_filter: "Enregistrer ce filtre", "Save this filter";
    filter_name: "Nom", "Name";
    save: "Enregistrer", "Save";
    remove_filter: "Supprimer le filtre « {} »", "Remove the filter “{}”";
    filter_needs_name: "Donnez un nom au filtre, de 60 caractères au plus.", "Give the filter a name of at most 60 characters.";
    too_many_filters: "Vous avez déjà 30 filtres : supprimez-en un.", "You have 30 filters already: remove one.";
    longest_first: "Les plus longs d’abord", "Longest first";
    longest_ones: "← Les plus longs", "← Longest";
    shorter_ones: "Plus courts →", "Shorter →";
    too_many_to_sort: "Par durée, 10 000 appels au plus peuvent être triés : restreignez la recherche, par exemple aux appels d’une semaine.", "At most 10,000 calls can be sorted by their length: narrow the search, for example to the calls of a week.";
    unknown_order: "L’ordre « {} » n’existe pas ; il est ignoré.", "There is no order “{}”; it is ignored.";
    first_ones: "← Les premiers", "← The first";
    later_ones: "Suivants →", "Later →";
    erased: "Effacé", "Erased";
    left_out: "Laissé de côté", "Left out";
    answered: "Répondu", "Answered";
    missed_one: "Manqué", "Missed";
    not_reached: "Sans réponse", "No answer";
    newest: "← Les plus récents", "← Newest";
    older: "Plus anciens →", "Older →";

    // Missed calls
    missed: "Appels manqués", "Missed calls";
    missed_intro: "Un appel est manqué si personne n’a répondu, même avec un message vocal. C’est fini quand quelqu’un rappelle et parle avec la personne, ou répond quand elle rappelle.", "A call is missed if nobody answered, also with a voicemail. It is over when somebody calls back and speaks with them, or answers when they ring again.";
    last_days: "Derniers jours", "Last days";
    line: "Ligne", "Line";
    nobody_yet: "Personne ne les a encore eus", "Nobody has spoken with them yet";
    everybody_reached: "Tout le monde a été rappelé.", "Everybody has been called back.";
    reached_since: "Eus depuis", "Reached since";
    what_became: "Suite donnée", "What became of it";
    rang_times: "{} appels", "{} calls";
    voicemail: "message vocal", "voicemail";
    called_back: "Rappelé par {by} après {}", "Called back by {by} after {}";
    rang_again: "A rappelé, {by} a répondu après {}", "Rang again, {by} answered after {}";
    tried_by: "Tentatives :", "Tried by:";

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
    why_there: "Pourquoi cette fiche ?", "Why this record?";
    story: "Histoire", "Story";
    log: "Compte rendu dans Sellsy", "Log in Sellsy";
    is_parked: "Cet appel a un message en échec.", "This call has a dead letter.";
    are_parked: "Cet appel a {} messages en échec.", "This call has {} dead letters.";
    log_note_parked: "Tel qu’il doit être ; ce qui manque s’écrit quand le message en échec est relancé.", "What it should say; what is missing is written when the dead letter is replayed.";
    erased_then: "Les données de cet appel ont été effacées le", "The data of this call were erased on";
    erased_why: "Il est plus ancien que RETENTION_DAYS, ou quelqu’un l’a demandé. Restent ici son identifiant, celui de son compte rendu dans Sellsy et la date de l’effacement, pour qu’il ne soit jamais enregistré une seconde fois. Le compte rendu dans Sellsy n’est pas touché.", "It is older than RETENTION_DAYS, or somebody asked for it. Its id, the id of its log in Sellsy and the time of the erasure stay here, so that it is never logged a second time. The log in Sellsy is not touched.";
    waits_until: "Enregistré de lui-même si une fiche avec ce numéro apparaît dans Sellsy avant le", "Logged by itself if a record with this number appears in Sellsy before";
    waits_no_more: "Trop ancien pour être enregistré de lui-même ; déplacez-le vers une fiche pour l’enregistrer.", "Too old to be logged by itself; move it to a record to log it.";
    n_requests: "{} requêtes", "{} requests";
    one_request: "1 requête", "1 request";
    retry_now: "Relancer", "Replay";
    not_decided: "Aucune décision encore.", "No decision yet.";
    only_for_card: "Pour la carte seulement : l’appel n’est pas terminé.", "For the card only: the call has not ended.";
    phone_call: "Appel Sellsy", "Sellsy call";
    comment: "Commentaire Sellsy", "Sellsy comment";
    written: "écrit", "written";
    not_logged: "Pas dans Sellsy.", "Not in Sellsy.";
    log_was_deleted: "Quelqu’un a supprimé le compte rendu dans Sellsy ; il reste supprimé.", "A person deleted the log in Sellsy; it stays deleted.";
    log_note: "Tel qu’il doit être maintenant ; un changement récent s’écrit en moins d’une minute.", "What it should say now; a recent change is written within a minute.";
    in_aircall: "Enregistrement dans Aircall", "Recording in Aircall";
    nothing_in_aircall: "Aircall n’a donné ni enregistrement ni messagerie pour cet appel.", "Aircall has sent no recording and no voicemail for this call.";
    opportunity: "Opportunité", "Opportunity";
    open: "ouverte", "open";
    late: "en retard", "late";
    because: "motif :", "because";
    looked_up: "Cherché", "Looked up";
    candidates: "Toutes les fiches qui portent ce numéro", "Every record with this number";
    chosen: "Choisie", "Chosen";
    archived: "Archivée", "Archived";
    rule_in_short: "Un particulier passe avant une société, une société avant un contact ; à type égal, la première que Sellsy liste. Une fiche archivée ne compte pas.", "An individual comes before a company, a company before a contact; of one kind, the first that Sellsy lists. Archived records do not count.";
    in_directory: "dans l’annuaire", "in the phone directory";
    read_from_sellsy: "lu dans Sellsy {} plus tôt", "read from Sellsy {} earlier";
    asked_sellsy: "en demandant à Sellsy", "by asking Sellsy";
    remembered: "pas de nouveau : Sellsy n’avait personne peu avant", "not again: Sellsy had nobody a short while before";
    not_looked_up: "pas du tout", "not at all";

    // The timeline of a call
    event_created: "Aircall : le téléphone sonne.", "Aircall: the phone rings.";
    event_ended: "Aircall : l’appel est terminé.", "Aircall: the call ended.";
    event_tagged: "Aircall : un tag a été ajouté.", "Aircall: a tag was added.";
    event_untagged: "Aircall : un tag a été retiré.", "Aircall: a tag was removed.";
    event_commented: "Aircall : une note a été écrite.", "Aircall: a note was written.";
    event_transferred: "Aircall : l’appel a été transféré.", "Aircall: the call was transferred.";
    event_transferred_outside: "Aircall : l’appel a été transféré vers l’extérieur.", "Aircall: the call was transferred to an external number.";
    event_voicemail: "Aircall : un message vocal a été laissé.", "Aircall: a voicemail was left.";
    event_assets: "Aircall : l’enregistrement est prêt.", "Aircall: the recording is ready.";
    event_reconciled: "Trouvé dans la liste d’appels d’Aircall ; aucun webhook ne l’avait apporté.", "Found in Aircall’s list of calls; no webhook had brought it.";
    was_looked_up: "Pour la carte :", "For the card:";
    was_decided: "Décision :", "Decided:";
    was_decided_again: "Nouvelle décision :", "Decided again:";
    card_shown: "La carte a été montrée à l’agent.", "The card was shown to the agent.";
    no_card: "Aucune carte n’a été montrée pendant l’appel.", "No card was shown during the call.";
    nothing_done: "Rien à faire :", "Nothing to do:";
    was_logged: "Enregistré :", "Logged:";
    without_topic: "Écrit sans le libellé que veulent dire ses tags :", "Written without the topic that its tags mean:";
    is_up_to_date: "Le compte rendu dit déjà ce qu’il faut :", "The log says already what it should:";
    moved_to: "Déplacé vers", "Moved to";
    by: "par", "by";
    move_here: "Déplacer ici", "Move here";
    move_there: "Déplacer l’appel", "Move the call";
    pin_here: "Épingler le numéro ici", "Pin the number here";
    pin_there: "Épingler le numéro", "Pin the number";
    unpin: "Ne plus épingler ce numéro", "Unpin this number";
    put_right: "Une autre fiche", "Another record";
    other_record: "Fiche", "Record";
    other_record_hint: "Type et identifiant dans Sellsy : individual:2005, company:3001 ou contact:4001. Épinglé, un numéro désigne cette fiche pour tous les appels à venir.", "Kind and Sellsy’s id: individual:2005, company:3001 or contact:4001. A pinned number means this record for all calls to come.";
    by_the_rules: "selon les règles", "by the rules";
    your_name: "Votre nom", "Your name";
    no_record: "Écrivez le type et l’identifiant : individual:2005, company:3001 ou contact:4001.", "Write the kind and the id: individual:2005, company:3001 or contact:4001.";
    no_such_record: "Sellsy n’a pas cette fiche.", "Sellsy has no such record.";
    no_number_to_pin: "Cet appel n’a pas de numéro à épingler.", "This call has no number to pin.";
    call_is_erased: "Les données de cet appel ont été supprimées.", "The data of this call were deleted.";
    call_has_not_ended: "L’appel n’est pas terminé.", "The call has not ended.";
    being_written: "Son compte rendu est en train d’être écrit ; réessayez dans une minute.", "Its log is being written at this moment; try again in a minute.";
    comment_stays: "Son compte rendu est un commentaire, que Sellsy ne laisse pas déplacer.", "Its log is a comment, which Sellsy does not let us move.";
    insights_asked_for: "Des webhooks ont pu se perdre ; les analyses IA qui manquent peut-être sont demandées à Aircall.", "Webhooks may have been lost; Aircall is asked for the AI insights that may be missing.";
    no_insights_came: "Aucune analyse IA n’est arrivée en une heure.", "No AI insights have come within an hour.";
    task_created: "Tâche créée :", "Task created:";
    task_updated: "Tâche mise à jour :", "Task updated:";
    task_done: "Quelqu’un a parlé avec l’appelant ; tâche terminée :", "Somebody has spoken with the caller; task done:";
    task_adopted: "Une tâche que la base ne connaissait pas a été trouvée et reprise :", "A task that the ledger did not know was found and adopted:";
    task_left_alone: "Une personne a modifié ou terminé la tâche ; elle reste telle quelle :", "A person has changed or closed the task; it is left alone:";
    task_deleted: "Une personne a supprimé la tâche dans Sellsy ; elle reste supprimée :", "A person has deleted the task in Sellsy; it stays deleted:";
    task: "Tâche", "Task";
    task_is_open: "ouverte", "open";
    task_is_done: "terminée", "done";
    task_is_deleted: "supprimée par une personne", "deleted by a person";
    task_is_theirs: "laissée à une personne", "left to a person";
    smart_tags_added: "Smart-tags ajoutés :", "Smart-tags added:";
    step_moved: "Opportunité avancée à l’étape", "Opportunity moved to the step";
    prospect_created: "Prospect créé :", "Prospect created:";
    undo_prospect: "Supprimer ce prospect dans Sellsy", "Delete this prospect in Sellsy";
    undo_hint: "Possible tant que personne ne l’a modifié dans Sellsy. Ses comptes rendus d’appel disparaissent avec lui.", "Possible as long as nobody has changed it in Sellsy. Its logs go with it.";
    prospect_was_changed: "Quelqu’un a modifié ce prospect dans Sellsy ; il reste. Supprimez-le dans Sellsy s’il ne convient pas.", "Somebody has changed this prospect in Sellsy; it stays. Delete it in Sellsy if it is not wanted.";
    no_such_prospect: "Aucun prospect n’a été créé pour cet appel, ou il a déjà été supprimé.", "No prospect was created for this call, or it was deleted before.";
    prospect_adopted: "Un prospect dont la création était restée sans réponse a été trouvé et repris :", "A prospect whose creation had ended unclear was found and adopted:";
    prospect_undone: "Prospect supprimé par un opérateur :", "Prospect deleted again by an operator:";
    comment_created: "Commentaire créé :", "Comment created:";
    comment_updated: "Messages ajoutés au commentaire :", "Messages added to the comment:";
    comment_adopted: "Un commentaire que la base ne connaissait pas a été trouvé et repris :", "A comment that the ledger did not know was found and adopted:";
    comment_deleted: "Une personne a supprimé le commentaire dans Sellsy ; il reste supprimé :", "A person has deleted the comment in Sellsy; it stays deleted:";
    text_messages: "SMS", "Text messages";
    text_messages_intro: "Une conversation par numéro et par jour : un commentaire sur la fiche dans Sellsy (SMS, WhatsApp).", "One conversation for each number and day: one comment on the record in Sellsy (SMS, WhatsApp).";
    no_text_messages: "Aucun message en sept jours. Ils sont notés si les règles ont une section [messages].", "No message in seven days. They are written down if the rules have a section [messages].";
    last_one: "Dernier", "Last";
    to_be_added: "{} à ajouter", "{} to be added";
    left_out_by_rules: "laissé de côté par les règles", "left out by the rules";
    conversation: "Conversation", "Conversation";
    of_text_messages: "de SMS", "of text messages";
    messages_written: "messages", "messages";
    received_sent: "Reçus, envoyés", "Received, sent";
    in_sellsy: "Dans Sellsy", "In Sellsy";
    is_being_written: "en cours d’écriture", "is being written";
    waits_for_record: "attend une fiche", "waits for a record";
    changed_by_person: "Modifié par une personne, laissé tel quel :", "Changed by a person, left alone:";
    part_owner: "propriétaire", "owner";
    part_date: "date", "date";
    part_direction: "sens", "direction";
    part_result: "résultat", "result";
    part_duration: "durée", "duration";
    part_topic: "sujet", "topic";
    part_links: "fiche et opportunité", "record and opportunity";
    part_text: "texte", "text";
    was_asked_for: "Quelqu’un a demandé que le compte rendu soit écrit de nouveau,", "A person asked for the log to be written again,";
    was_updated: "Compte rendu mis à jour :", "Log updated:";
    was_adopted: "Une création à l’issue incertaine a été retrouvée :", "A log whose creation had an unclear outcome was found:";
    unknown_was_adopted: "Un compte rendu déjà présent dans Sellsy a été retrouvé :", "A log that was already in Sellsy was found:";
    links_refused: "Sellsy refuse les liens du compte rendu ; ils restent comme ils sont.", "Sellsy refuses the links of the log; they stay as they are.";
    refused_by_sellsy: "Refusé par Sellsy ; l’appelant est cherché de nouveau.", "Refused by Sellsy; the caller is looked up again.";
    put_off: "Changé ; écrit dans {} s avec ce qui change encore.", "Changed; to be written in {} s, together with any further changes.";
    handed_on: "Son message s’était perdu ; Callbridge a repris l’appel.", "Its message was lost; the ledger has handed it on again.";
    insights_found: "Analyse IA :", "AI insights:";
    fetched: "demandée à Aircall", "fetched from Aircall";
    in_the_event: "reçue avec l’événement", "received with the event";
    was_replayed: "Un opérateur a relancé le message :", "An operator replayed the message:";
    was_dropped: "Un opérateur a supprimé le message :", "An operator dropped the message:";
    was_parked: "Échec, mis de côté :", "Failed and parked:";
    was_put_back: "Échec, sera réessayé :", "Failed, to be retried:";
    attempt: "essai", "attempt";
    no_answer: "pas de réponse", "no answer";

    // Dead letters
    nothing_parked: "Aucun message en échec.", "There are no dead letters.";
    parked_intro: "Ces messages n’ont pas pu être traités ; chacun a sa raison, aucun n’est perdu. Corrigez la cause, puis relancez-les.", "These messages could not be handled; each has its reason, and none is lost. Fix the cause, then replay them.";
    retry: "Relancer", "Replay";
    retry_all: "Tout relancer ({})", "Replay all ({})";
    retry_question: "Tous les messages sont traités de nouveau. Ceux dont la cause demeure échouent de nouveau.", "All messages are handled again. Those whose cause remains fail again.";
    retry_now_all: "Oui, tout relancer", "Yes, replay all";
    details: "Détails", "Details";
    content: "Contenu", "Contents";
    headers: "En-têtes", "Headers";
    first_failure: "Premier échec", "First failure";
    numbers_are_masked: "Les numéros de téléphone sont masqués. Les afficher est noté au journal des actions.", "Phone numbers are masked. That they are shown stands in the audit.";
    show_numbers: "Afficher les numéros", "Show the numbers";
    no_such_letter: "Ce message en échec n’existe pas, ou plus.", "There is no such dead letter, or not any more.";
    retry_group: "Relancer le groupe ({})", "Replay group ({})";
    drop: "Supprimer…", "Drop…";
    drop_warning: "Ce que ces messages auraient écrit est perdu. C’est irréversible.", "What would have been written from these messages is lost. This cannot be undone.";
    drop_for_good: "Supprimer définitivement ({})", "Drop permanently ({})";
    what_to_do: "Que faire ?", "What to do";
    unknown_code: "Ce code n’est pas documenté.", "This code is not documented.";
    ingest_note: "Des webhooks qui n’ont pas été compris : aucun processus ne peut les traiter. Regardez-les avec callbridge dead show, puis supprimez-les.", "Webhooks that were not understood: no worker can handle them. Look at them with callbridge dead show, then drop them.";
    message_one: "message en échec", "dead letter";
    messages_lower: "messages en échec", "dead letters";
    oldest: "le plus ancien", "oldest";
    newest_one: "le plus récent", "newest";
    event: "Événement", "Event";
    attempts: "Essais", "Attempts";
    last_failure: "Dernier échec", "Last failure";
    action: "Action", "Action";
    and_more: "… et {} autres", "… and {} more";
    replaying: "Relance en cours :", "Replaying:";
    replayed: "Relancés", "Replayed";
    dropping: "Suppression en cours :", "Dropping:";
    dropped: "Supprimés", "Dropped";
    not_replayable: "messages en échec d’ingest ne peuvent pas être relancés.", "dead letters of ingest cannot be replayed.";
    another_job: "Une autre relance ou suppression est en cours. Attendez qu’elle se termine.", "Another replay or drop is running. Wait until it has ended.";
    list_unavailable: "La liste ne peut pas être affichée.", "The list cannot be shown.";
    list_after_job: "La liste revient à la fin de l’opération.", "The list is shown again when this has ended.";

    // Directory
    explain_title: "Où serait enregistré un appel de ce numéro ?", "Where would a call from this number be logged?";
    number: "Numéro de téléphone", "Phone number";
    explain_hint: "Avec + et l’indicatif du pays, ou comme on le compose ici. Demande l’opportunité à Sellsy, si elle n’est pas connue.", "With + and the country code, or as dialled here. Asks Sellsy for the opportunity, unless it is known.";
    explain: "Expliquer", "Explain";
    for_operators: "Chercher un numéro est réservé aux opérateurs : cela peut coûter des requêtes.", "Looking a number up is for operators: it may cost requests.";
    no_number: "Ce n’est pas un numéro de téléphone.", "That is not a phone number.";
    no_credential: "La console n’a pas d’accès à Sellsy : réglez SELLSY_CLIENT_ID et SELLSY_CLIENT_SECRET.", "The console has no access to Sellsy: set SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET.";
    look_up_failed: "La recherche a échoué.", "The look-up failed.";
    directory_status: "État de l’annuaire", "State of the directory";
    directory_empty: "L’annuaire est vide : aucun resolver ne l’a encore lu.", "The directory is empty: no resolver has read it yet.";
    kind: "Type", "Kind";
    records: "Fiches", "Records";
    numbers: "Numéros", "Numbers";
    unread: "Champs avec des chiffres, mais sans numéro lisible (callbridge directory unread) :", "Fields with digits and no number (callbridge directory unread):";
    loaded: "Lu en entier", "Last full load";
    changes_read: "Changements lus", "Last changes read";
    opportunities_known: "Opportunités ouvertes ou en retard :", "Opportunities open or late:";
    opportunities_read: "Lues dans Sellsy", "Read from Sellsy";
    failed: "Échec", "Failed";
    reading: "Lecture en cours", "Loading";
    up_to_date: "À jour", "Up to date";
    read_changes: "Lire les changements maintenant", "Read changes now";
}

/// Both languages have every text, with the same placeholders, and the typography of each.
#[cfg(test)]
pub(super) fn check(all: &[(&str, &str, &str)]) {
    for (name, french, english) in all {
        assert!(!french.trim().is_empty() && !english.trim().is_empty(), "{name}");
        for placeholder in [
            "{}",
            "{from}",
            "{to}",
            "{at}",
            "{calls}",
            "{missed}",
            "{all}",
            "{most}",
            "{by}",
            "{until}",
            "{aircall}",
            "{sellsy}",
        ] {
            assert_eq!(french.contains(placeholder), english.contains(placeholder), "{name}: {placeholder}");
        }
        for before in [" :", " ;", " !", " ?", "« ", " »", " %"] {
            assert!(!french.contains(before), "{name}: use a narrow no-break space in {before:?}");
        }
        assert!(!french.contains('\'') && !english.contains('\''), "{name}: use ’ as the apostrophe");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_languages_have_every_text_with_the_same_placeholders() {
        super::check(super::ALL);
        super::check(super::acts::ALL);
    }
}
