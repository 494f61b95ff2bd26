//! The texts of what people do by hand, and of the pages on which they do it.

texts! {
    // The page of a call
    write_again: "Écrire de nouveau le compte rendu", "Write the log again";
    write_again_hint: "Lit le compte rendu dans Sellsy et le remet à jour, en quelques secondes. Ce que des personnes y ont écrit reste. Deux ou trois requêtes à Sellsy.", "Reads the log in Sellsy and brings it up to date, within some seconds. What people wrote in it stays. Two or three requests to Sellsy.";
    look_up_again: "Chercher de nouveau", "Look up again";
    look_up_again_hint: "Cherche maintenant le correspondant dans l’annuaire, et dans Sellsy s’il n’y est pas : au plus quelques requêtes. Un appel sans fiche est enregistré sur celle qui est trouvée ; un appel déjà identifié reste où il est.", "Looks for the caller now, in the directory and, if they are not in it, in Sellsy: some requests at most. A call without a record is logged on the one that is found; a call that has one stays where it is.";
    today: "Ce qui serait décidé maintenant", "What would be decided now";
    today_same: "La même fiche et la même opportunité qu’alors : rien à faire.", "The same record and the same opportunity as then: nothing to do.";
    today_other: "L’appel est enregistré ailleurs. Rien n’a été changé ; vous pouvez le déplacer.", "The call is logged elsewhere. Nothing has been changed; you can move it.";
    today_nobody: "Personne n’est trouvé maintenant. Rien n’a été changé.", "Nobody is found now. Nothing has been changed.";
    back_to_call: "Retour à l’appel", "Back to the call";
    call_is_undecided: "L’appelant est en train d’être identifié ; réessayez dans une minute.", "The caller is being looked up; try again in a minute.";
    call_has_no_record: "L’appel n’a pas de fiche sur laquelle l’enregistrer. Cherchez de nouveau, ou déplacez l’appel vers une fiche.", "The call has no record on which it could be logged. Look it up again, or move the call to a record.";
    call_is_parked: "Cet appel a un message en échec : relancez-le, il écrira le compte rendu.", "This call has a dead letter: replay that, and the log is written.";

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
    to_webhook: "Webhooks d’Aircall : état et réparation", "Aircall’s webhooks: state and repair";
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
    webhook_others: "d’un autre programme, ou son jeton n’est pas dans AIRCALL_WEBHOOK_TOKENS", "of another program, or its token is not in AIRCALL_WEBHOOK_TOKENS";
    webhook_active: "actif", "active";
    webhook_disabled: "désactivé", "disabled";
    missing_events: "Événements manquants", "Missing events";
    all_events: "tous", "all";
    repair: "Réparer", "Repair";
    repair_question: "Le webhook est réactivé et reçoit les événements qui lui manquent ; aucun n’est retiré. Vérifiez d’abord qu’ingest est joignable de l’extérieur, sinon Aircall le désactive de nouveau. Deux ou trois requêtes à Aircall.", "The webhook is enabled again and gets the events that it lacks; none is taken away. First make sure that ingest can be reached from outside, or Aircall disables it again. Two or three requests to Aircall.";
    create_webhook: "Créer le webhook", "Create the webhook";
    create_webhook_hint: "L’adresse à laquelle Aircall joint ingest. Le jeton du nouveau webhook n’est pas montré ici : lancez ensuite callbridge webhook install avec la même adresse, qui l’affiche, et ajoutez-le à AIRCALL_WEBHOOK_TOKENS.", "The address under which Aircall reaches ingest. The token of the new webhook is not shown here: run callbridge webhook install with the same address afterwards, which prints it, and add it to AIRCALL_WEBHOOK_TOKENS.";
    webhook_address_wrong: "L’adresse doit être https://votre-hôte/webhooks/aircall.", "The address must be https://your-host/webhooks/aircall.";
    webhook_created: "Le webhook est créé.", "The webhook is created.";
    webhook_was_there: "Il existe déjà, actif et complet : rien à faire.", "It exists, active and complete: nothing to do.";
    webhook_enabled: "Il était désactivé ; il est réactivé.", "It was disabled, and is enabled again.";
    webhook_completed: "Les événements qui manquaient sont ajoutés.", "The missing events are added.";
    events_added: "Ajoutés :", "Added:";
    token_unknown: "Son jeton n’est pas dans AIRCALL_WEBHOOK_TOKENS : ingest refusera ses envois. callbridge webhook install avec la même adresse affiche le jeton.", "Its token is not in AIRCALL_WEBHOOK_TOKENS: ingest will refuse what it sends. callbridge webhook install with the same address prints the token.";
}
