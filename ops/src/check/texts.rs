//! Every text of the checks, in English and in French, side by side. `{0}`, `{1}` … stand for names, numbers and codes.
//!
//! A sentence that nothing says does not compile.

use super::said::Sentence;

macro_rules! sentences {
    ($($name:ident: $english:literal, $french:literal;)+) => {
        $(pub(in crate::check) const $name: Sentence = Sentence { english: $english, french: $french };)+

        #[cfg(test)]
        pub(super) const ALL: &[(&str, Sentence)] = &[$((stringify!($name), $name),)+];
    };
}

sentences! {
    // What is checked
    DATABASE: "database", "base de données";
    DATABASE_VERSION: "database version", "version de la base";
    MIGRATIONS: "migrations", "migrations";
    DATABASE_CLOCK: "clock of the database", "horloge de la base";
    DIRECTORY: "phone directory", "annuaire téléphonique";
    INSIGHTS: "AI insights", "analyses IA";
    DELAYS: "delay queues", "files d’attente de réessai";
    BROKER: "broker", "broker";
    BROKER_VERSION: "broker version", "version du broker";
    TOPOLOGY: "exchanges, queues and bindings", "échanges, files et liaisons";
    EXCHANGE: "exchange {0}", "échange {0}";
    QUEUE: "queue {0}", "file {0}";
    BINDINGS: "bindings of {0}", "liaisons de {0}";
    AIRCALL: "Aircall", "Aircall";
    AIRCALL_WEBHOOK: "Aircall webhook", "webhook d’Aircall";
    AIRCALL_CLOCK: "clock of Aircall", "horloge d’Aircall";
    SELLSY: "Sellsy", "Sellsy";
    SELLSY_SCOPES: "Sellsy scopes", "droits (scopes) dans Sellsy";
    SELLSY_SCOPE: "Sellsy scope {0}", "droit {0} dans Sellsy";
    SELLSY_QUOTAS: "Sellsy quotas", "quotas de Sellsy";
    SELLSY_OWNER: "Sellsy default owner", "propriétaire par défaut dans Sellsy";
    SELLSY_CLOCK: "clock of Sellsy", "horloge de Sellsy";
    SELLSY_WEBHOOKS: "Sellsy webhooks", "webhooks de Sellsy";
    SETTINGS: "settings", "réglages";
    SETTING: "setting {0}", "réglage {0}";
    LOG_TEMPLATE: "log template", "modèle des comptes rendus";
    RULES: "rules", "règles";
    RULES_TOPICS: "rules: topics", "règles : libellés";
    RULES_LABELS: "rules: labels of tasks", "règles : libellés des tâches";
    RULES_STEPS: "rules: steps", "règles : étapes";
    RULES_AGENTS: "rules: agents", "règles : agents";
    RULES_TAGS: "rules: tags", "règles : tags";
    RULES_LINES: "rules: lines", "règles : lignes";

    // Of any check
    BECAUSE: "because {0}", "parce que {0}";
    NO_ANSWER: "no answer within {0} s", "pas de réponse en {0} s";
    NO_ANSWER_CURE: "find out what delays the answer: a firewall, a proxy, an overloaded server", "cherchez ce qui retarde la réponse : un pare-feu, un proxy, un serveur surchargé";
    BUG: "report this as a bug", "signalez cette erreur comme un bogue";
    PRESENT: "present", "présent";
    CONNECTED: "connected", "connecté";
    ACCEPTED: "the credential is accepted", "l’identifiant est accepté";
    ALL_EXIST: "all {0} exist", "les {0} existent";
    OR_IS_MISSING: "{0} or {1} is missing", "{0} ou {1} manque";
    ANSWERED_WITHOUT_DATE: "Aircall's answers have no date", "les réponses d’Aircall n’ont pas de date";
    NO_DATE: "no answer from Sellsy had a date", "aucune réponse de Sellsy n’avait de date";
    NO_BUDGET: "every request goes through the budget, which is in the database, and that cannot be used", "chaque requête passe par le budget, qui est dans la base, et celle-ci ne peut pas être utilisée";
    AIRCALL_SILENT: "Aircall cannot be asked", "Aircall ne peut pas être interrogé";
    SELLSY_SILENT: "Sellsy cannot be asked", "Sellsy ne peut pas être interrogé";
    DATABASE_SILENT: "the database cannot be used", "la base ne peut pas être utilisée";
    BROKER_SILENT: "the broker cannot be used", "le broker ne peut pas être utilisé";
    SETTINGS_INVALID: "the settings are invalid", "les réglages ne sont pas valables";
    NO_MIGRATIONS: "the migrations are missing", "les migrations manquent";
    NO_CONSUMER: "the queue has no consumer", "la file n’a aucun consommateur";

    // Settings
    SET_VALID: "set a valid {0}; see .env.example, or --help of a worker", "donnez à {0} une valeur valable ; voyez .env.example, ou --help d’un processus";
    COMPLETE: "complete", "complets";
    NOTICES: "Sellsy's webhooks can announce changes", "les webhooks de Sellsy peuvent annoncer les changements";
    DO_NOT_START: "it is missing: {0} do not start", "il manque : {0} ne démarrent pas";
    RESOLVER_AND_INSIGHTS: "resolver and insights", "resolver et insights";
    RESOLVER_LOGGER_FOLLOWUPS: "resolver, logger and followups", "resolver, logger et followups";
    SET: "set {0}", "réglez {0}";
    CORRECT: "correct {0}", "corrigez {0}";
    AIRCALL_CREDENTIAL: "AIRCALL_API_ID and AIRCALL_API_TOKEN (Aircall's Dashboard > Integrations > API keys)", "AIRCALL_API_ID et AIRCALL_API_TOKEN (Dashboard d’Aircall > Integrations > API keys)";
    SELLSY_CREDENTIAL: "SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET (Sellsy > Settings > Developer portal)", "SELLSY_CLIENT_ID et SELLSY_CLIENT_SECRET (Sellsy > Réglages > Portail développeurs)";
    TEMPLATE_WORKS: "LOG_TEMPLATE works on all example calls", "LOG_TEMPLATE fonctionne sur tous les appels d’exemple";
    TEMPLATE_BUILT_IN: "the built-in template", "le modèle fourni";
    TEMPLATE_FAILS: "LOG_TEMPLATE: {0}", "LOG_TEMPLATE : {0}";
    TEMPLATE_CURE: "fix the file or LOG_TEMPLATE; `logger preview fr FILE` renders example calls with a template", "corrigez le fichier ou LOG_TEMPLATE ; `logger preview fr FILE` montre des appels d’exemple avec un modèle";

    // Rules
    NO_RULES: "RULES is not set: everything is as the help page says", "RULES n’est pas réglé : tout se fait comme le dit la page d’aide";
    RULES_FINE: "{0}: no mistake", "{0} : aucune erreur";
    RULES_REGION: "a line's callers dial in {0}, which DEFAULT_REGION does not name", "les appelants d’une ligne composent en {0}, que DEFAULT_REGION ne nomme pas";
    RULES_REGION_CURE: "add {0} to DEFAULT_REGION, or their numbers are not found where people have typed them as dialled there", "ajoutez {0} à DEFAULT_REGION, sinon leurs numéros ne sont pas trouvés là où on les a saisis comme on les y compose";
    CORRECT_NAME: "correct the name in the file of rules (RULES), or in the account", "corrigez le nom dans le fichier de règles (RULES), ou dans le compte";
    NO_TOPIC: "Sellsy has no topic {0}", "Sellsy n’a pas de libellé {0}";
    NO_TASK_LABEL: "Sellsy has no active label of tasks {0}", "Sellsy n’a pas de libellé de tâche actif {0}";
    NO_STEP: "Sellsy has no step {0}", "Sellsy n’a pas d’étape {0}";
    NO_TAG: "Aircall has no tag {0}", "Aircall n’a pas de tag {0}";
    SEVERAL_STEPS: "Sellsy has several steps “{0}”", "Sellsy a plusieurs étapes « {0} »";
    SEVERAL_STEPS_CURE: "write the id of one of them in the file of rules (RULES): {0}", "écrivez l’identifiant de l’une d’elles dans le fichier de règles (RULES) : {0}";
    ALL_ACTIVE: "all {0} are active staff members", "les {0} sont des collaborateurs actifs";
    NOT_ACTIVE: "{0} of {1} are no active staff members of Sellsy", "{0} sur {1} ne sont pas des collaborateurs actifs de Sellsy";
    NOT_ACTIVE_CURE: "correct their e-mails or ids in [agents], [missed] and [unknown] of the file of rules (RULES)", "corrigez leurs adresses ou identifiants dans [agents], [missed] et [unknown] du fichier de règles (RULES)";
    ALL_LINES: "Aircall has all of them", "Aircall les a toutes";
    NO_LINES: "Aircall has no line for {0} of those in the file", "Aircall n’a aucune ligne pour {0} de celles du fichier";

    // Database
    CORRECT_DATABASE_URL: "correct DATABASE_URL", "corrigez DATABASE_URL";
    USER_REFUSED: "PostgreSQL refuses this user ({0})", "PostgreSQL refuse cet utilisateur ({0})";
    USER_REFUSED_CURE: "correct user and password in DATABASE_URL, or allow the user in pg_hba.conf", "corrigez l’utilisateur et le mot de passe dans DATABASE_URL, ou autorisez l’utilisateur dans pg_hba.conf";
    NO_DATABASE: "there is no such database ({0})", "cette base n’existe pas ({0})";
    NO_DATABASE_CURE: "create it (createdb), or correct the name in DATABASE_URL", "créez-la (createdb), ou corrigez le nom dans DATABASE_URL";
    NO_CONNECTION_LEFT: "PostgreSQL has no connection left ({0})", "PostgreSQL n’a plus de connexion libre ({0})";
    NO_CONNECTION_LEFT_CURE: "raise max_connections, or run fewer replicas: a worker opens up to 20 connections", "augmentez max_connections, ou lancez moins de processus : chacun ouvre jusqu’à 20 connexions";
    POSTGRES_ANSWERED: "PostgreSQL answered {0}", "PostgreSQL a répondu {0}";
    POSTGRES_LOG: "see PostgreSQL's log", "voyez le journal de PostgreSQL";
    UNREACHABLE: "it cannot be reached: {0}", "injoignable : {0}";
    POSTGRES_UNREACHABLE_CURE: "start PostgreSQL, or correct host and port in DATABASE_URL (?sslmode=disable if it has no TLS)", "démarrez PostgreSQL, ou corrigez l’hôte et le port dans DATABASE_URL (?sslmode=disable s’il n’a pas de TLS)";
    OWNER_OF_TABLES: "make the user of DATABASE_URL the owner of the tables; see docs/errors.md", "faites de l’utilisateur de DATABASE_URL le propriétaire des tables ; voyez docs/errors.fr.md";
    OLD_POSTGRES: "{0} is no longer maintained", "{0} n’est plus maintenu";
    OLD_POSTGRES_CURE: "update PostgreSQL to {0} or later", "passez à PostgreSQL {0} ou plus récent";
    ALL_APPLIED: "all {0} are applied", "les {0} sont appliquées";
    DATABASE_IS_NEWER: "the database is at {0}, this program knows {1}", "la base en est à {0}, ce programme connaît {1}";
    DATABASE_IS_NEWER_CURE: "run the `callbridge` of the version that the workers have", "lancez le `callbridge` de la version des processus";
    SOME_APPLIED: "{0} of {1} are applied", "{0} sur {1} sont appliquées";
    NONE_APPLIED: "none is applied: no worker has ever run on this database", "aucune n’est appliquée : aucun processus n’a jamais tourné sur cette base";
    MIGRATE: "start any worker of this version, which applies them, or run `callbridge migrate` with a role that may", "démarrez un processus de cette version, qui les applique, ou lancez `callbridge migrate` avec un rôle qui le peut";
    SAME_CLOCK: "the same as ours", "la même que la nôtre";
    CLOCK_BEHIND: "ours is {0} s behind", "la nôtre retarde de {0} s";
    CLOCK_AHEAD: "ours is {0} s ahead", "la nôtre avance de {0} s";
    CLOCK_CURE: "synchronise the clocks of the servers with NTP (timedatectl set-ntp true)", "synchronisez les horloges des serveurs par NTP (timedatectl set-ntp true)";
    DELAYS_FINE: "they give messages back in time", "elles rendent les messages à temps";
    HELD_BY: "{0} by {1} s", "{0} de {1} s";
    DELAYS_HOLD: "messages are held past their time: {0}", "des messages y restent trop longtemps : {0}";
    DELAYS_CURE: "docs/operating.md, \"A delay queue holds messages\"; the ledger hands their calls on meanwhile", "docs/operating.fr.md, « Une file à délai retient des messages » ; entre-temps Callbridge reprend leurs appels lui-même";
    DIRECTORY_LOADED: "all three kinds of record are loaded", "les trois types de fiches sont lus";
    DIRECTORY_PART: "{0} of 3 kinds of record are loaded", "{0} types de fiches sur 3 sont lus";
    DIRECTORY_PROBLEM: "it could not be read completely: {0}", "il n’a pas pu être lu en entier : {0}";
    DIRECTORY_CURE: "see `callbridge directory status`; until it is loaded, every look-up asks Sellsy", "voyez `callbridge directory status` ; tant qu’il n’est pas lu, chaque recherche interroge Sellsy";
    INSIGHTS_NO_CALL: "no call of the last 7 days was long enough for any", "aucun appel des 7 derniers jours n’était assez long pour en avoir";
    INSIGHTS_NO_LICENCE: "no call of the last 7 days has any; they need a licence for Aircall's AI Assist", "aucun appel des 7 derniers jours n’en a ; il y faut une licence AI Assist d’Aircall";
    INSIGHTS_FINE: "{0} of {1} calls that could have some have them", "{0} appels sur {1} qui peuvent en avoir en ont";
    INSIGHTS_LACK: "none of the last {0} calls of {1} has any", "aucun des {0} derniers appels de {1} n’en a";
    INSIGHTS_CURE: "switch transcription on for these numbers in Aircall's Dashboard, if they are to have insights", "activez la transcription de ces numéros dans le Dashboard d’Aircall, s’ils doivent avoir des analyses";

    // Broker
    VERSION_HIDDEN: "not visible over TLS; the queues below only exist on 3.10 and later", "invisible en TLS ; les files ci-dessous n’existent qu’à partir de la 3.10";
    OLD_BROKER: "{0}: its quorum queues can lose dead letters", "{0} : ses files quorum peuvent perdre des messages en échec";
    OLD_BROKER_CURE: "update RabbitMQ to 3.10 or later; 4.x is best", "passez à RabbitMQ 3.10 ou plus récent ; 4.x est préférable";
    DECLARE: "start any worker: all of them declare every exchange, queue and binding", "démarrez un processus : tous déclarent chaque échange, file et liaison";
    ROUTED: "{0} kinds of event are routed to it", "{0} types d’événements y arrivent";
    NOT_ROUTED: "these kinds of event are not routed to it: {0}", "ces types d’événements n’y arrivent pas : {0}";
    COUNTS: "{0} messages, {1} consumers", "{0} messages, {1} consommateurs";
    NO_RULE_NEEDS_IT: "{0} messages, {1} consumers: no rule in RULES needs it", "{0} messages, {1} consommateurs : aucune règle de RULES n’en a besoin";
    NOT_CONSUMED: "{0} messages, {1} consumers: no worker consumes it", "{0} messages, {1} consommateurs : aucun processus ne la lit";
    NOT_CONSUMED_CURE: "start {0}; if it is running, its /readyz says what it waits for", "démarrez {0} ; s’il tourne, son /readyz dit ce qu’il attend";
    DEAD_LETTERS: "{0} dead letters", "{0} messages en échec";
    DEAD_LETTERS_CURE: "`callbridge dead list --stage {0}` says why, and docs/errors.md what to do", "la page « Messages en échec » ou `callbridge dead list --stage {0}` dit pourquoi, et quoi faire";
    NO_DEAD_LETTERS: "no dead letters", "aucun message en échec";
    DELAYED: "{0} messages waiting", "{0} messages en attente";
    CHECKS_CAME_BACK: "{0} checks have come back", "{0} contrôles sont revenus";
    OTHER_ARGUMENTS: "it exists with other arguments than Callbridge needs, so no worker can consume or publish", "elle existe avec d’autres arguments que ceux de Callbridge, donc aucun processus ne peut y lire ni y publier";
    OTHER_ARGUMENTS_CURE: "stop the workers, let the queue run empty, delete it (rabbitmqctl delete_queue), and start them again: they declare it again; or choose another AMQP_NAMESPACE", "arrêtez les processus, laissez la file se vider, supprimez-la (rabbitmqctl delete_queue) et redémarrez-les : ils la déclarent de nouveau ; ou choisissez un autre AMQP_NAMESPACE";
    DOES_NOT_EXIST: "it does not exist", "elle n’existe pas";
    BROKER_REFUSES: "RabbitMQ refuses this user", "RabbitMQ refuse cet utilisateur";
    BROKER_REFUSES_CURE: "correct user and password in AMQP_URL, and give the user permissions (rabbitmqctl set_permissions); guest can only log in from the same machine", "corrigez l’utilisateur et le mot de passe dans AMQP_URL, et donnez-lui des droits (rabbitmqctl set_permissions) ; guest ne peut se connecter que depuis la même machine";
    NO_VHOST: "there is no such virtual host, or this user may not use it", "cet hôte virtuel n’existe pas, ou cet utilisateur n’y a pas droit";
    NO_VHOST_CURE: "create it (rabbitmqctl add_vhost), or correct the last part of AMQP_URL: /%2f is the default", "créez-le (rabbitmqctl add_vhost), ou corrigez la fin d’AMQP_URL : /%2f est la valeur par défaut";
    BROKER_UNREACHABLE_CURE: "start RabbitMQ, or correct host and port in AMQP_URL (amqps:// for TLS)", "démarrez RabbitMQ, ou corrigez l’hôte et le port dans AMQP_URL (amqps:// pour TLS)";

    // The two APIs
    NO_TOKEN: "there is no token of a webhook, neither noted in the database nor in AIRCALL_WEBHOOK_TOKENS: ingest refuses every webhook", "il n’y a aucun jeton de webhook, ni noté dans la base, ni dans AIRCALL_WEBHOOK_TOKENS : ingest refuse tous les webhooks";
    NO_TOKEN_CURE: "make the webhook: callbridge webhook install --url https://<your host>/webhooks/aircall", "créez le webhook : page « Webhooks », ou callbridge webhook install --url https://<your host>/webhooks/aircall";
    TOKENS_NOT_READ: "the tokens of webhooks cannot be read: {0}", "les jetons des webhooks ne peuvent pas être lus : {0}";
    NO_NOTICES: "none: changes in Sellsy are only read every DIRECTORY_SYNC_EVERY; to be told at once: callbridge webhook install --url https://<your host>/webhooks/sellsy", "aucun : les changements dans Sellsy ne sont lus que toutes les DIRECTORY_SYNC_EVERY ; pour les apprendre aussitôt : callbridge webhook install --url https://<your host>/webhooks/sellsy";
    WEBHOOK_NONE: "the account has no webhook with a token that ingest accepts", "le compte n’a aucun webhook avec un jeton qu’ingest accepte";
    WEBHOOK_NONE_CURE: "make one: callbridge webhook install --url https://<your host>/webhooks/aircall", "créez-en un : page « Webhooks », ou callbridge webhook install --url https://<your host>/webhooks/aircall";
    WEBHOOK_DELIVERS: "active, with all {0} events", "actif, avec les {0} événements";
    WEBHOOK_LACKS: "these events are not delivered: {0}", "ces événements ne sont pas envoyés : {0}";
    WEBHOOK_LACKS_CURE: "add them: callbridge webhook install --url https://<your host>/webhooks/aircall", "ajoutez-les : page « Vérification », ou callbridge webhook install --url https://<your host>/webhooks/aircall";
    WEBHOOK_DISABLED: "it is disabled: by Aircall because deliveries kept failing, or by a person", "il est désactivé : par Aircall, parce que les envois échouaient, ou par quelqu’un";
    WEBHOOK_DISABLED_CURE: "make sure that ingest can be reached from outside, then enable it: callbridge webhook install --url https://<your host>/webhooks/aircall", "vérifiez qu’ingest est joignable de l’extérieur, puis réactivez-le : page « Vérification », ou callbridge webhook install --url https://<your host>/webhooks/aircall";
    GRANTED: "granted", "accordé";
    QUOTAS_UNREAD: "they cannot be read, so the limits of the settings apply", "ils ne peuvent pas être lus ; les limites des réglages s’appliquent";
    QUOTAS_UNREAD_CURE: "give the API client the scope {0}, or make sure that the settings fit your plan", "donnez au client API le droit {0}, ou vérifiez que les réglages conviennent à votre offre";
    QUOTAS_FIT: "{0}; the settings do not exceed that", "{0} ; les réglages ne dépassent pas cela";
    UNLIMITED: "unlimited", "sans limite";
    PER_SECOND: "{0} per second", "{0} par seconde";
    PER_MINUTE: "{0} per minute", "{0} par minute";
    PER_DAY: "{0} per day", "{0} par jour";
    PER_MONTH: "{0} per month", "{0} par mois";
    QUOTA_ABOVE: "{0} is {1}, Sellsy allows {2}", "{0} vaut {1}, Sellsy permet {2}";
    QUOTA_LOWER: "{0} to {1}", "{0} à {1}";
    AND: "{0} and {1}", "{0} et {1}";
    QUOTA_CURE: "the lower limit applies anyway; lower {0}, or further to leave some for other programs", "la limite la plus basse s’applique de toute façon ; baissez {0}, ou davantage pour en laisser à d’autres programmes";
    NO_OWNER: "SELLSY_DEFAULT_OWNER_ID is not set: a call is parked if neither its agent nor its record has a staff member in Sellsy", "SELLSY_DEFAULT_OWNER_ID n’est pas réglé : un appel est mis en échec si ni son agent ni sa fiche n’ont de collaborateur dans Sellsy";
    OWNER_CURE: "set SELLSY_DEFAULT_OWNER_ID to the id of an active staff member in Sellsy", "donnez à SELLSY_DEFAULT_OWNER_ID l’identifiant d’un collaborateur actif dans Sellsy";
    NO_SUCH_STAFF: "there is no staff member {0}", "il n’y a pas de collaborateur {0}";
    STAFF: "staff member {0}", "collaborateur {0}";
    STAFF_BLOCKED: "staff member {0} is blocked or deleted", "le collaborateur {0} est bloqué ou supprimé";
    REFUSED: "refused ({0})", "refusé ({0})";
    SCOPE_CURE: "give the API client this scope in Sellsy's developer portal, and its staff member the right", "donnez ce droit au client API dans le Portail développeurs de Sellsy, et à son collaborateur";
    PLAN_CURE: "ask Sellsy for a plan that includes it; for phone calls LOG_FALLBACK=comment helps", "demandez à Sellsy une offre qui le comprend ; pour les appels, LOG_FALLBACK=comment aide";
    UNAVAILABLE_CURE: "check {0}, this machine's internet access, and the vendor's status page", "vérifiez {0}, l’accès de cette machine à Internet, et la page d’état du fournisseur";
    TRY_AGAIN: "{0}; try again, and see `callbridge budget`", "{0} ; réessayez, et voyez les quotas dans l’aperçu";
    BUDGET_UNREAD: "the request budget, which is in the database, could not be read", "le budget des requêtes, qui est dans la base, n’a pas pu être lu";
    NOT_THE_API: "check {0}: what answers there is not the API", "vérifiez {0} : ce qui y répond n’est pas l’API";
}
