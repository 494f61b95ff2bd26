//! The texts of what people do by hand, and of the pages on which they do it.

texts! {
    // The page of a call
    write_again: "Écrire de nouveau le compte rendu", "Write the log again";
    write_again_hint: "Lit le compte rendu dans Sellsy et le remet à jour, en quelques secondes. Ce que des personnes y ont écrit reste. Deux ou trois requêtes à Sellsy.", "Reads the log in Sellsy and brings it up to date, within some seconds. What people wrote in it stays. Two or three requests to Sellsy.";
    look_up_again: "Chercher de nouveau", "Look up again";
    look_up_again_hint: "Cherche maintenant le correspondant dans l’annuaire, et dans Sellsy s’il n’y est pas : au plus quelques requêtes. Un appel sans fiche est enregistré sur celle qui est trouvée ; un appel déjà identifié reste où il est.", "Looks for the caller now, in the directory and, if they are not in it, in Sellsy: some requests at most. A call without a record is logged on the one that is found; a call that has one stays where it is.";
    today: "Ce qui serait décidé maintenant", "What would be decided now";
    today_same: "La même fiche et la même opportunité qu’alors : rien à faire.", "The same record and the same opportunity as then: nothing to do.";
    today_other: "L’appel est enregistré ailleurs. Rien n’a été changé ; vous pouvez le déplacer.", "The call is logged elsewhere. Nothing has been changed; you can move it.";
    today_nobody: "Personne n’est trouvé maintenant. Rien n’a été changé.", "Nobody is found now. Nothing has been changed.";
    back_to_call: "Retour à l’appel", "Back to the call";
    call_is_undecided: "L’appelant est en train d’être identifié ; réessayez dans une minute.", "The caller is being looked up; try again in a minute.";
    call_has_no_record: "L’appel n’a pas de fiche sur laquelle l’enregistrer. Cherchez de nouveau, ou déplacez l’appel vers une fiche.", "The call has no record on which it could be logged. Look it up again, or move the call to a record.";
    call_is_parked: "Cet appel a un message en échec : relancez-le, il écrira le compte rendu.", "This call has a dead letter: replay that, and the log is written.";

    // The checks and the webhooks
    check: "Vérification", "Check";
    check_intro: "Réglages, broker, base, files, clés et droits des deux API, webhook, règles : tout est contrôlé pour de vrai, et rien n’est changé.", "Settings, broker, database, queues, keys and rights of both APIs, the webhook, the rules: all is tested for real, and nothing is changed.";
    check_cost: "Envoie au plus {aircall} requêtes à Aircall et {sellsy} à Sellsy, prises sur les quotas.", "Sends at most {aircall} requests to Aircall and {sellsy} to Sellsy, out of the quotas.";
    check_now: "Vérifier maintenant", "Check now";
    check_runs: "La vérification est en cours…", "The check is running…";
    check_goes_on: "Une vérification est déjà en cours.", "A check is running already.";
    never_checked: "Rien n’a encore été vérifié depuis la console.", "Nothing has been checked from the console yet.";
    checked: "Vérifié", "Checked";
    checked_what: "Quoi", "What";
    check_works: "Tout fonctionne.", "Everything works.";
    check_failed: "En panne", "Failed";
    check_not_checked: "Non vérifié", "Not checked";
    check_warnings: "À surveiller", "Warnings";
    check_fine: "En ordre", "Fine";
    installation: "Installation", "Installation";
    webhooks: "Webhooks d’Aircall", "Aircall’s webhooks";
    webhooks_intro: "Aircall annonce les appels par un webhook. S’il est désactivé ou incomplet, les appels n’arrivent que par sa liste, en retard et sans carte.", "Aircall tells of calls by a webhook. If it is disabled or incomplete, calls come only through its list, late and without a card.";
    webhooks_cost: "Une requête à Aircall.", "One request to Aircall.";
    ask_aircall: "Demander à Aircall", "Ask Aircall";
    for_operators_only: "Réservé aux opérateurs : cela envoie des requêtes.", "For operators: it sends requests.";
    no_aircall: "La console n’a pas d’accès à Aircall : réglez AIRCALL_API_ID et AIRCALL_API_TOKEN.", "The console has no access to Aircall: set AIRCALL_API_ID and AIRCALL_API_TOKEN.";
    webhook_delivers: "Un webhook envoie tout ce qu’il faut", "A webhook delivers all that is needed";
    webhook_does_not: "Aucun webhook n’envoie tout ce qu’il faut", "No webhook delivers all that is needed";
    no_webhook: "Le compte n’a aucun webhook.", "The account has no webhook.";
    address: "Adresse", "Address";
    webhook_ours: "à Callbridge : son jeton est connu", "Callbridge’s: its token is known";
    webhook_others: "d’un autre programme, ou ingest n’accepte pas son jeton", "of another program, or ingest does not accept its token";
    webhook_active: "actif", "active";
    webhook_disabled: "désactivé", "disabled";
    missing_events: "Événements manquants", "Missing events";
    all_events: "tous", "all";
    repair: "Réparer", "Repair";
    repair_question: "Le webhook est réactivé et reçoit les événements qui lui manquent ; aucun n’est retiré. Vérifiez d’abord qu’ingest est joignable de l’extérieur, sinon Aircall le désactive de nouveau. Deux ou trois requêtes à Aircall.", "The webhook is enabled again and gets the events that it lacks; none is taken away. First make sure that ingest can be reached from outside, or Aircall disables it again. Two or three requests to Aircall.";
    create_webhook: "Créer le webhook", "Create the webhook";
    create_webhook_hint: "L’adresse à laquelle Aircall joint ingest. Le jeton du webhook est noté dans la base et n’est pas montré.", "The address under which Aircall reaches ingest. The token of the webhook is noted in the database, and not shown.";
    webhook_address_wrong: "L’adresse doit être https://votre-hôte/webhooks/aircall.", "The address must be https://your-host/webhooks/aircall.";
    webhook_created: "Le webhook est créé.", "The webhook is created.";
    webhook_was_there: "Il existe déjà, actif et complet : rien à faire.", "It exists, active and complete: nothing to do.";
    webhook_enabled: "Il était désactivé ; il est réactivé.", "It was disabled, and is enabled again.";
    webhook_completed: "Les événements qui manquaient sont ajoutés.", "The missing events are added.";
    events_added: "Ajoutés :", "Added:";
    token_noted: "Son jeton est connu : ingest l’accepte en quelques secondes, sans redémarrage.", "Its token is known: ingest accepts it within seconds, without a restart.";

    // Backfill
    backfill: "Appels manquants", "Missing calls";
    backfill_intro: "Compare la liste d’appels d’Aircall avec ce que Callbridge connaît, sur une période, et fait entrer ce qui manque : après une panne, ou au début. Ce qui ne manque pas n’est pas touché, et rien n’est enregistré deux fois.", "Compares Aircall’s list of calls with what Callbridge knows, over a period, and brings in what is missing: after an outage, or at the start. What is not missing is left alone, and nothing is logged twice.";
    which_period: "Quelle période ?", "Which period?";
    period_hint: "Six mois au plus : Aircall ne liste pas plus loin. Sans fin : jusqu’à maintenant. Le dernier jour est compris. L’aperçu coûte une requête à Aircall.", "Six months at most: Aircall lists no further. Without an end: until now. The last day belongs to it. The preview costs one request to Aircall.";
    period_wrong: "Cette période n’est pas valable : le début doit précéder la fin, et ne pas dater de plus de six mois.", "This period is not valid: its start must be before its end, and not more than six months ago.";
    preview: "Aperçu", "Preview";
    backfill_plan: "{all} appels dans la liste d’Aircall ; la lire coûte environ {} requêtes à Aircall.", "{all} calls in Aircall’s list; reading it costs about {} requests to Aircall.";
    backfill_cost: "Les requêtes attendent que le reste du travail leur laisse de la place. Chaque appel manquant coûte ensuite une à trois requêtes à Sellsy.", "The requests wait until the other work leaves room for them. Each missing call then costs one to three requests to Sellsy.";
    count_first: "Compter seulement", "Only count";
    bring_in: "Faire entrer les appels manquants", "Bring in the missing calls";
    backfill_runs: "Une recherche d’appels manquants est déjà en cours.", "Missing calls are being looked for already.";
    no_backfill_runs: "Rien n’est en cours.", "Nothing is running.";
    last_backfill: "Appels manquants, dernière fois :", "Missing calls, the last time:";
    last_count: "Comptage, dernière fois :", "Counted, the last time:";
    stopping: "S’arrête", "Stopping";
    goes_on: "En cours", "Running";
    stopped: "Arrêté", "Stopped";
    reached: "Arrivé aux appels du", "At the calls of";
    calls_listed: "Appels listés", "Calls listed";
    calls_missing: "Manquants", "Missing";
    calls_brought_in: "Manquants, entrés", "Missing, brought in";
    calls_open: "Trop récents ou en cours", "Too recent, or in progress";
    resumes: "Relancé dans la journée sur la même période, il reprend ici.", "Begun again within a day over the same period, it goes on from here.";
    stop: "Arrêter", "Stop";

    // Forgetting
    forget: "Effacer une personne", "Forget a person";
    forget_intro: "Efface ici tout ce qui concerne un numéro, en réponse à une demande. Effacez d’abord la personne dans Sellsy, sinon la prochaine lecture de l’annuaire la ramène. Les messages encore en file ne peuvent pas être cherchés : recommencez une heure plus tard.", "Erases here all that concerns a number, when somebody asks for it. Erase the person in Sellsy first, or the next reading of the directory brings them back. Messages that are still queued cannot be searched: do it again an hour later.";
    forget_whom: "Qui ?", "Whom?";
    number_or_call: "Numéro, ou identifiant d’un appel", "Number, or the id of a call";
    forget_hint: "L’aperçu ne change rien. Le numéro n’est gardé que masqué au journal.", "The preview changes nothing. The audit keeps the number masked only.";
    no_number_or_call: "Ce n’est ni un numéro de téléphone ni l’identifiant d’un appel.", "That is neither a phone number nor the id of a call.";
    call_has_no_number: "Cet appel est inconnu, ou n’a pas de numéro.", "This call is not known, or has no number.";
    would_be_erased: "Ce qui serait effacé", "What would be erased";
    nothing_to_forget: "Rien n’est gardé sur ce numéro.", "Nothing is kept about this number.";
    erase: "Effacer", "Erase";
    erase_question: "Tout cela est effacé ici pour toujours. Ce qui est dans Sellsy n’est pas touché.", "All this is erased here for good. What is in Sellsy is not touched.";
    erase_for_good: "Effacer définitivement", "Erase for good";
    was_erased: "Effacé", "Erased";
    all_erased: "C’est fait. De chaque appel il reste son identifiant, pour qu’il ne soit pas enregistré de nouveau.", "It is done. Of each call its id remains, so that it is not logged again.";
    something_new: "C’est fait, mais de nouveaux événements sont arrivés entre-temps : recommencez.", "It is done, but new events came in meanwhile: do it again.";
    how_many: "Combien", "How many";
    of_insights: "Analyses IA d’appels", "AI insights of calls";
    of_timelines: "Lignes d’histoires d’appels", "Lines of calls’ stories";
    of_waiting: "Appels qui attendent une fiche", "Calls waiting for a record";
    of_records: "Fiches de l’annuaire", "Records of the phone directory";
    of_misses: "Recherches sans résultat retenues", "Remembered misses";
    of_inbox: "Messages reçus, pas encore publiés", "Messages received, not published yet";
    stays_in_sellsy: "À effacer à la main dans Sellsy, par leurs lecteurs", "To be erased in Sellsy by hand, by those who read them";
    records_come_back: "Reviennent avec l’annuaire, sauf effacées dans Sellsy", "Come back with the directory, unless erased in Sellsy";
    other_numbers: "Autres numéros des mêmes fiches, à effacer aussi", "Other numbers of the same records, to be forgotten too";

    // Pins
    pins: "Numéros épinglés", "Pinned numbers";
    pins_intro: "Un numéro épinglé désigne une fiche pour tous les appels à venir, quoi que disent les règles. Si la fiche est supprimée ou archivée, les règles comptent de nouveau.", "A pinned number means a record for all calls to come, whatever the match rules say. If the record is deleted or archived, the rules count again.";
    no_pins: "Aucun numéro n’est épinglé.", "No number is pinned.";
    add_pin: "Épingler un numéro", "Pin a number";
    add_pin_hint: "La fiche par son type et son identifiant dans Sellsy : individual:2005, company:3001 ou contact:4001. Une requête à Sellsy, pour vérifier qu’elle existe.", "The record by its kind and Sellsy’s id: individual:2005, company:3001 or contact:4001. One request to Sellsy, to see that it exists.";
    pinned_by: "Par qui", "By whom";
    pin_is_gone: "fiche absente ou archivée", "record gone or archived";
    remove: "Retirer", "Remove";
    not_pinned: "Ce numéro n’est pas épinglé.", "This number is not pinned.";

    // What follows from calls
    followups: "Suites des appels", "What follows from calls";
    followups_intro: "Tâches, prospects, tags et commentaires que Callbridge tient dans Sellsy selon les règles. Ce qu’une personne a modifié, terminé ou supprimé reste tel quel.", "Tasks, prospects, tags and comments that Callbridge keeps in Sellsy as the rules say. What a person has changed, closed or deleted stays as it is.";
    no_followups: "Rien ne suit des appels de cette période.", "Nothing follows from the calls of this period.";
    still_open: "À suivre", "Open";
    is_over: "Terminé", "Over";
    is_worked_on: "En cours", "Being worked on";
    waits_for_nothing: "En échec, ou en attente d’un événement", "Failed, or waits for something to happen";
    not_needed: "Rien à faire", "Nothing to do";
    next_look: "prochain regard le", "next look on";
    due_since: "dû depuis", "due for";
    try_now: "Réessayer", "Try now";
    followup_is_held: "Un processus y travaille en ce moment.", "A process works on it at this moment.";
    followup_is_over: "C’est terminé : une personne l’a décidé, ou il n’y a plus rien à faire.", "It is over: a person has decided so, or there is nothing to do any more.";
    no_such_followup: "Cette suite est inconnue.", "This is not known.";
    kind_missed: "Tâche pour un appel manqué", "Task for a missed call";
    kind_action_item: "Tâche demandée par l’IA", "Task of an action item";
    kind_tag: "Tâche d’un tag", "Task of a tag";
    kind_smart_tags: "Smart-tags", "Smart-tags";
    kind_step: "Étape d’opportunité", "Step of an opportunity";
    kind_prospect: "Prospect", "Prospect";

    // Rules
    rules: "Règles", "Rules";
    rules_intro: "Le fichier de règles (RULES) dit ce que ce compte veut autrement. Il se change sur le serveur ; ici on le lit et on en essaie un autre.", "The file of rules (RULES) says what this account wants otherwise. It is changed on the server; here it is read, and another one is tried.";
    rules_none: "RULES n’est pas réglé : tout se fait comme le dit la page d’aide.", "RULES is not set: everything is as the help page says.";
    rules_in_force: "En vigueur", "In force";
    rules_sections: "Sections actives :", "Sections that are on:";
    rules_unread: "Le fichier ne peut pas être lu en ce moment.", "The file cannot be read at this moment.";
    rules_changed: "Le fichier a changé depuis le démarrage de la console : les processus le lisent à leur démarrage.", "The file has changed since the console was started: processes read it when they start.";
    try_rules: "Essayer sur les appels passés", "Try on past calls";
    try_rules_hint: "Collez un fichier de règles : il est comparé aux règles en vigueur, sur les appels connus. Rien n’est enregistré, et aucune API n’est interrogée.", "Paste a file of rules: it is compared with the rules in force, on the calls that are known. Nothing is stored, and no API is asked.";
    rules_text: "Fichier de règles (TOML)", "File of rules (TOML)";
    try_it: "Essayer", "Try";
    mistakes: "À corriger", "To correct";
    line_number: "Ligne {}", "Line {}";
    nothing_different: "{} appels, et rien n’aurait été différent.", "{} calls, and nothing would have been different.";
    of_so_many: "{} appels regardés ; rien n’a été changé.", "{} calls looked at; nothing was changed.";
    would_have_been: "Aurait été", "Would have been";
    for_example: "Par exemple", "For example";
    change_not_logged: "pas enregistré :", "not logged:";
    change_looked_up: "recherché, et enregistré si quelqu’un est trouvé", "looked up, and logged if somebody is found";
    change_number: "le numéro de l’appelant est lu comme celui d’un autre pays", "the caller’s number is read as one of another country";
    change_topic: "libellé : {by} au lieu de {}", "topic: {by} instead of {}";
    change_result: "résultat : {by} au lieu de {}", "result: {by} instead of {}";
    change_owner: "propriétaire : l’agent est un autre collaborateur", "owner: the agent is another staff member";
    change_language: "en {by} au lieu de {}", "in {by} instead of {}";
    the_default: "celui par défaut", "the default";
    by_outcome: "selon l’issue de l’appel", "by the call’s outcome";
    in_french: "français", "French";
    in_english: "anglais", "English";

    // The directory
    directory_not_begun: "La première lecture n’a pas encore commencé : elle commence d’elle-même dès qu’un resolver tourne.", "The first reading has not begun: it begins by itself as soon as a resolver runs.";
    read_everything: "Tout relire", "Read everything again";
    read_everything_hint: "Relit toutes les fiches, et retire celles que Sellsy ne liste plus : environ {} requêtes à Sellsy, quand le reste du travail leur laisse de la place. Le nombre de requêtes de chaque type est entre parenthèses.", "Reads every record again, and removes those that Sellsy no longer lists: about {} requests to Sellsy, when the other work leaves room for them. The number of requests of each kind is in brackets.";
    if_fewer: "Si Sellsy en liste bien moins", "If Sellsy lists far fewer";
    keep_them: "garder les autres", "keep the others";
    remove_them: "retirer les autres", "remove the others";
}
