//! In French: why a process is not ready, why a budget is paused, and why the directory could not be read.
//!
//! These sentences are stored as texts, by processes that may be of another version, so they are recognised by their fixed
//! parts. What varies in them stays as it is: names, numbers, requests. The words of a library or of a server are quoted. A
//! sentence that is not known has no French, and is shown as it was stored.

use base::error::Code;
use maud::{Markup, html};

use super::{layout::Visitor, texts::Lang};

/// Each sentence with its French one; the first that fits counts. `{}` is what varies, in the same order in both. `{why}` is a
/// sentence in its turn: it is told in French if it is known, and quoted otherwise.
const SENTENCES: &[(&str, &str)] = &[
    // What a process waits for
    ("the broker cannot be reached: {}", "le broker est injoignable : {why}"),
    (
        "the broker takes no messages now: it is short of memory or disk",
        "le broker n’accepte pas de message pour l’instant : il manque de mémoire ou d’espace disque",
    ),
    ("the database cannot be used: {}", "la base de données est inutilisable : {why}"),
    ("{} does not answer; work waits for it", "{} ne répond pas ; le travail attend"),
    (
        "{} refuses the credential; {} in docs/errors.md says what to do",
        "{} refuse la clé d’API ; {} dans docs/errors.fr.md dit que faire",
    ),
    // What to do about a certificate, after what is wrong with it
    (
        "{}: the certificate must name the host and be signed by a CA that this machine trusts; SSL_CERT_FILE names \
         others",
        "{why} : le certificat doit porter le nom de l’hôte et être signé par une autorité que cette machine reconnaît ; \
         SSL_CERT_FILE en désigne d’autres",
    ),
    ("{}: what answers on this port does not speak TLS", "{why} : ce qui répond sur ce port ne parle pas TLS"),
    // The broker
    ("no answer within {} s", "pas de réponse en {} s"),
    ("the connection was closed", "la connexion a été fermée"),
    ("the connection was lost", "la connexion a été perdue"),
    ("the consumer was cancelled", "le broker a mis fin à la réception"),
    ("the broker does not answer", "le broker ne répond pas"),
    ("the connection could not be opened in time", "la connexion n’a pas pu être ouverte à temps"),
    ("the connection is not waited for any more", "la connexion n’est plus attendue"),
    ("a connection of an unknown kind", "la connexion est d’un genre inconnu"),
    ("AMQP_URL is not a valid amqp(s):// URL", "AMQP_URL n’est pas une adresse amqp:// ou amqps:// valide"),
    ("IO error: {}", "{why}"),
    ("there is no connection", "il n’y a pas de connexion"),
    ("no channel within {} ms", "pas de canal en {} ms"),
    ("no confirmation within {} ms", "pas de confirmation en {} ms"),
    ("no queue takes {}; the topology is incomplete", "aucune file ne prend {} ; il manque une file ou une liaison"),
    ("the broker refused the message", "le broker a refusé le message"),
    ("confirm mode is off", "les confirmations ne sont pas actives"),
    ("the channel was not opened", "le canal n’a pas été ouvert"),
    ("the publisher is closed", "plus rien n’est publié"),
    // The database
    (
        "a pooler gives each transaction another connection; workers hold locks and settings on a connection, so it has \
         to pool sessions (PgBouncer: pool_mode = session)",
        "un pooler donne une autre connexion à chaque transaction, alors que les processus gardent des verrous et des \
         réglages sur la leur ; il doit en donner une par session (PgBouncer : pool_mode = session)",
    ),
    (
        "the migrations could not be applied: this role may not change tables: run `callbridge migrate` with one that \
         may: {}",
        "les migrations n’ont pas pu être appliquées : ce rôle n’a pas le droit de modifier les tables ; lancez \
         callbridge migrate avec un rôle qui l’a ({why})",
    ),
    ("the migrations could not be applied: {}", "les migrations n’ont pas pu être appliquées : {why}"),
    (
        "it takes no writes: it is a standby, or default_transaction_read_only is set",
        "elle n’accepte pas d’écriture : c’est un serveur de secours, ou default_transaction_read_only est actif",
    ),
    ("no answer in time: {}", "pas de réponse à temps"),
    ("PostgreSQL has not answered for {} s", "PostgreSQL n’a pas répondu en {} s"),
    ("no database connection was free within {} s", "aucune connexion à la base ne s’est libérée en {} s"),
    (
        "PostgreSQL answered {}: it takes no writes: it is a standby, or default_transaction_read_only is set",
        "PostgreSQL a répondu {} : il n’accepte pas d’écriture, car c’est un serveur de secours, ou \
         default_transaction_read_only est actif",
    ),
    ("PostgreSQL answered {} ({})", "PostgreSQL a répondu {} ({})"),
    ("PostgreSQL answered {}", "PostgreSQL a répondu {}"),
    // Budgets
    ("it does not answer", "l’API ne répond pas"),
    ("the API refused a request (429)", "l’API a refusé une requête (429)"),
    ("other applications use this second's requests", "d’autres applications utilisent les requêtes de cette seconde"),
    ("other applications use this minute's requests", "d’autres applications utilisent les requêtes de cette minute"),
    ("other applications use this day's requests", "d’autres applications utilisent les requêtes du jour"),
    ("other applications use this month's requests", "d’autres applications utilisent les requêtes du mois"),
    ("the second's requests are used", "les requêtes de cette seconde sont épuisées"),
    ("the minute's requests are used", "les requêtes de cette minute sont épuisées"),
    ("the day's requests are used", "les requêtes du jour sont épuisées"),
    ("the month's requests are used", "les requêtes du mois sont épuisées"),
    ("other requests are ahead", "d’autres requêtes passent avant"),
    (
        "no request was sent to {}, because the budget allowed none in time: {}",
        "aucune requête n’a été envoyée à {}, car le quota n’en permettait aucune à temps : {why}",
    ),
    ("no request was sent to {}: it does not answer", "aucune requête n’a été envoyée à {}, qui ne répond pas"),
    // Requests to an API
    ("{}: answered with an HTML page", "{} : la réponse est une page HTML"),
    ("{}: answered with invalid JSON", "{} : la réponse n’est pas du JSON valide"),
    (
        "{}: answered {}: the account's plan does not include this",
        "{} : réponse {} ; l’abonnement du compte ne comprend pas cela",
    ),
    (
        "{}: answered {}: the API client lacks a scope or its staff a right",
        "{} : réponse {} ; il manque une autorisation (scope) au client API, ou un droit à son collaborateur",
    ),
    ("{}: answered {}; check the API credential", "{} : réponse {} ; vérifiez les identifiants de l’API"),
    (
        "{}: answered {}; check SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET",
        "{} : réponse {} ; vérifiez SELLSY_CLIENT_ID et SELLSY_CLIENT_SECRET",
    ),
    ("{}: answered {}, but not by {} itself", "{} : réponse {}, qui ne vient pas de {} lui-même"),
    ("{}: answered {}", "{} : réponse {}"),
    ("{}: no connection: {}", "{} : pas de connexion : {why}"),
    ("{}: no connection", "{} : pas de connexion"),
    ("{}: no answer within {} s", "{} : pas de réponse en {} s"),
    ("{}: the request could not be built", "{} : la requête n’a pas pu être construite"),
    ("{}: the connection ended without an answer", "{} : la connexion a pris fin sans réponse"),
    (
        "{}: the answer is not what is documented (line {}, column {})",
        "{} : la réponse n’est pas conforme à la documentation (ligne {}, colonne {})",
    ),
];

/// A reason in the reader's language; in its own words if it is not known there.
pub(super) fn told(visitor: &Visitor, condition: &str, reason: &str) -> Markup {
    match visitor.lang {
        Lang::English if condition.is_empty() => html! { (reason) },
        Lang::English => html! { (condition) ": " (reason) },
        Lang::French => match in_french(condition, reason) {
            Some(french) => html! { (french) },
            None => html! { span lang="en" { (reason) } },
        },
    }
}

/// A whole sentence for the reason of a condition that is unmet: it says which one, so the condition's name need not be shown.
/// Also for why a budget is paused, and for a problem of the directory, which begins with a code; then the condition does not
/// matter. `None` if the reason is not known.
pub(super) fn in_french(condition: &str, reason: &str) -> Option<String> {
    let stage = condition.strip_prefix("consumer of ");
    let messages = stage.map_or_else(|| "les messages".into(), |stage| format!("les messages de l’étape {stage}"));
    match (reason.trim_end(), condition) {
        ("starting", "broker") => Some("la première connexion au broker est en cours".into()),
        ("starting", "broker for consuming") => {
            Some("la première connexion au broker est en cours, pour recevoir les messages".into())
        }
        ("starting", "database") => Some("la première connexion à la base de données est en cours".into()),
        ("starting", _) if stage.is_none() => Some(spaced(&format!("{condition} : démarrage en cours"))),
        ("starting" | "not consuming yet", _) => Some(format!("{messages} ne sont pas encore reçus")),
        (reason, _) => match reason.strip_prefix("not consuming: ") {
            Some(why) => Some(format!("{}{}", spaced(&format!("{messages} ne sont plus reçus : ")), words(why))),
            None => Some(of_link(condition, with_code(reason)?)),
        },
    }
}

/// Messages are published on one connection to the broker and received on another.
fn of_link(condition: &str, sentence: String) -> String {
    let unreachable = "le broker est injoignable";
    match sentence.strip_prefix(unreachable) {
        Some(why) if condition == "broker for consuming" => format!("{unreachable} pour recevoir les messages{why}"),
        _ => sentence,
    }
}

/// An error is its code and its message.
fn with_code(reason: &str) -> Option<String> {
    let code = |name: &str| Code::ALL.into_iter().find(|code| code.as_str() == name);
    let Some((code, message)) = reason.split_once(": ").and_then(|(name, message)| Some((code(name)?, message))) else {
        return known(reason);
    };
    let message = match code {
        // There may be nothing but the words of the server, or of the library that speaks with it.
        Code::BrokerUnavailable | Code::DatabaseUnavailable | Code::DatabaseRejected => words(message),
        _ => known(message)?,
    };
    Some(format!("{code}{}{message}", spaced(" : ")))
}

fn words(reason: &str) -> String {
    with_code(reason).unwrap_or_else(|| format!("«\u{202f}{}\u{202f}»", reason.trim_end()))
}

fn known(reason: &str) -> Option<String> {
    SENTENCES.iter().find_map(|(english, french)| Some(filled(french, &varying(english, reason)?)))
}

/// What varies in the text, if it is this sentence.
fn varying<'a>(sentence: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut fixed = sentence.split("{}").peekable();
    let mut rest = text.strip_prefix(fixed.next()?)?;
    let mut found = Vec::new();
    while let Some(part) = fixed.next() {
        let is_last = fixed.peek().is_none();
        let one = if is_last { rest.strip_suffix(part)? } else { rest.split_once(part)?.0 };
        if one.is_empty() {
            return None;
        }
        found.push(one);
        rest = &rest[one.len() + part.len()..];
    }
    rest.is_empty().then_some(found)
}

fn filled(french: &str, varying: &[&str]) -> String {
    let mut pieces = french.split('{');
    let mut sentence = spaced(pieces.next().unwrap_or_default());
    for (piece, one) in pieces.zip(varying) {
        let (name, fixed) = piece.split_once('}').unwrap_or_default();
        sentence += &if name == "why" { words(one) } else { (*one).to_owned() };
        sentence += &spaced(fixed);
    }
    sentence
}

/// French has a space before some marks, at which a line must not break.
fn spaced(text: &str) -> String {
    text.replace(" :", "\u{202f}:").replace(" ;", "\u{202f};")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three lines each: where a sentence is made and how it is written there; a condition and the sentence; what it is in French,
    /// with ordinary spaces.
    const PLACES: &str = r#"
shared/base/src/health.rs: unmet("starting"
broker: starting
la première connexion au broker est en cours

shared/base/src/health.rs: unmet("starting"
broker for consuming: starting
la première connexion au broker est en cours, pour recevoir les messages

shared/base/src/health.rs: unmet("starting"
database: starting
la première connexion à la base de données est en cours

shared/base/src/health.rs: unmet("starting"
Sellsy: starting
Sellsy : démarrage en cours

shared/base/src/health.rs: unmet("starting"
consumer of cards: starting
les messages de l’étape cards ne sont pas encore reçus

shared/base/src/db.rs: the database cannot be used: {problem}
database: the database cannot be used: Error occurred while creating a new object: error connecting to server: Connection refused (os error 111)
la base de données est inutilisable : « Error occurred while creating a new object: error connecting to server: Connection refused (os error 111) »

shared/base/src/db.rs: it takes no writes: it is a standby, or default_transaction_read_only is set
database: the database cannot be used: it takes no writes: it is a standby, or default_transaction_read_only is set
la base de données est inutilisable : elle n’accepte pas d’écriture : c’est un serveur de secours, ou default_transaction_read_only est actif

shared/base/src/db.rs: a pooler gives each transaction another connection; workers hold locks and settings on a connection, so it has to pool sessions (PgBouncer: pool_mode = session)
database: the database cannot be used: a pooler gives each transaction another connection; workers hold locks and settings on a connection, so it has to pool sessions (PgBouncer: pool_mode = session)
la base de données est inutilisable : un pooler donne une autre connexion à chaque transaction, alors que les processus gardent des verrous et des réglages sur la leur ; il doit en donner une par session (PgBouncer : pool_mode = session)

shared/base/src/db.rs: "the migrations could not be applied"
database: the database cannot be used: the migrations could not be applied: DATABASE_REJECTED: PostgreSQL answered 42501
la base de données est inutilisable : les migrations n’ont pas pu être appliquées : DATABASE_REJECTED : PostgreSQL a répondu 42501

shared/base/src/db.rs: this role may not change tables: run `callbridge migrate` with one that may
database: the database cannot be used: the migrations could not be applied: this role may not change tables: run `callbridge migrate` with one that may: db error
la base de données est inutilisable : les migrations n’ont pas pu être appliquées : ce rôle n’a pas le droit de modifier les tables ; lancez callbridge migrate avec un rôle qui l’a (« db error »)

shared/base/src/db.rs: context("no answer in time")
database: the database cannot be used: no answer in time: deadline has elapsed
la base de données est inutilisable : pas de réponse à temps

shared/base/src/db/client.rs: PostgreSQL has not answered for {} s
database: the database cannot be used: PostgreSQL has not answered for 20 s
la base de données est inutilisable : PostgreSQL n’a pas répondu en 20 s

shared/base/src/tls.rs: the certificate must name the host and be signed by a CA that this machine trusts; SSL_CERT_FILE names others
broker: the broker cannot be reached: IO error: invalid peer certificate: UnknownIssuer: the certificate must name the host and be signed by a CA that this machine trusts; SSL_CERT_FILE names others
le broker est injoignable : « invalid peer certificate: UnknownIssuer » : le certificat doit porter le nom de l’hôte et être signé par une autorité que cette machine reconnaît ; SSL_CERT_FILE en désigne d’autres

shared/base/src/tls.rs: what answers on this port does not speak TLS
database: the database cannot be used: received corrupt message of type InvalidContentType: what answers on this port does not speak TLS
la base de données est inutilisable : « received corrupt message of type InvalidContentType » : ce qui répond sur ce port ne parle pas TLS

shared/broker/src/amqp/link.rs: the broker cannot be reached: {problem}
broker for consuming: the broker cannot be reached: IO error: Connection refused (os error 111)
le broker est injoignable pour recevoir les messages : « Connection refused (os error 111) »

shared/broker/src/amqp/link.rs: the broker cannot be reached: {problem}
broker: the broker cannot be reached: protocol error: AMQP hard error: ACCESS-REFUSED
le broker est injoignable : « protocol error: AMQP hard error: ACCESS-REFUSED »

shared/broker/src/amqp/link.rs: no answer within {} s
broker: the broker cannot be reached: no answer within 10 s
le broker est injoignable : pas de réponse en 10 s

shared/broker/src/amqp/link.rs: "the connection was closed"
broker: the broker cannot be reached: the connection was closed
le broker est injoignable : la connexion a été fermée

shared/broker/src/amqp/link.rs: AMQP_URL is not a valid amqp(s):// URL
broker: the broker cannot be reached: IO error: AMQP_URL is not a valid amqp(s):// URL
le broker est injoignable : AMQP_URL n’est pas une adresse amqp:// ou amqps:// valide

shared/broker/src/amqp/link.rs: the connection could not be opened in time
broker: the broker cannot be reached: IO error: the connection could not be opened in time
le broker est injoignable : la connexion n’a pas pu être ouverte à temps

shared/broker/src/amqp/link.rs: a connection of an unknown kind
broker: the broker cannot be reached: IO error: a connection of an unknown kind
le broker est injoignable : la connexion est d’un genre inconnu

shared/broker/src/amqp/link.rs: the connection is not waited for any more
broker: the broker cannot be reached: IO error: the connection is not waited for any more
le broker est injoignable : la connexion n’est plus attendue

shared/broker/src/amqp/link.rs: the broker takes no messages now: it is short of memory or disk
broker: the broker takes no messages now: it is short of memory or disk
le broker n’accepte pas de message pour l’instant : il manque de mémoire ou d’espace disque

shared/broker/src/amqp/link.rs: "the broker does not answer"
consumer of logger: not consuming: IO error: the broker does not answer
les messages de l’étape logger ne sont plus reçus : le broker ne répond pas

shared/broker/src/amqp/link.rs: "there is no connection"
-: BROKER_UNAVAILABLE: there is no connection
BROKER_UNAVAILABLE : il n’y a pas de connexion

shared/broker/src/amqp/consumer.rs: "not consuming yet"
consumer of hints: not consuming yet
les messages de l’étape hints ne sont pas encore reçus

shared/broker/src/amqp/consumer.rs: not consuming: {reason}
consumer of ended: not consuming: protocol error: AMQP soft error: PRECONDITION-FAILED
les messages de l’étape ended ne sont plus reçus : « protocol error: AMQP soft error: PRECONDITION-FAILED »

shared/broker/src/amqp/consumer.rs: "the consumer was cancelled"
consumer of insights: not consuming: the consumer was cancelled
les messages de l’étape insights ne sont plus reçus : le broker a mis fin à la réception

shared/broker/src/amqp/consumer.rs: "the connection was lost"
consumer of followups: not consuming: IO error: the connection was lost
les messages de l’étape followups ne sont plus reçus : la connexion a été perdue

shared/vendors/src/budget.rs: {api} does not answer; work waits for it
Aircall: Aircall does not answer; work waits for it
Aircall ne répond pas ; le travail attend

shared/vendors/src/budget.rs: {api} refuses the credential; {credential} in docs/errors.md says what to do
Sellsy: Sellsy refuses the credential; SELLSY_CREDENTIAL in docs/errors.md says what to do
Sellsy refuse la clé d’API ; SELLSY_CREDENTIAL dans docs/errors.fr.md dit que faire

shared/vendors/src/budget.rs: "it does not answer"
-: it does not answer
l’API ne répond pas

shared/vendors/src/budget.rs: "the API refused a request (429)"
-: the API refused a request (429)
l’API a refusé une requête (429)

shared/migrations/V20__month_and_token.sql: 'other applications use this ' || p_span || '''s requests'
-: other applications use this minute's requests
d’autres applications utilisent les requêtes de cette minute

shared/migrations/V20__month_and_token.sql: 'other applications use this ' || p_span || '''s requests'
-: other applications use this second's requests
d’autres applications utilisent les requêtes de cette seconde

shared/migrations/V20__month_and_token.sql: 'other applications use this ' || p_span || '''s requests'
-: other applications use this day's requests
d’autres applications utilisent les requêtes du jour

shared/migrations/V20__month_and_token.sql: 'other applications use this ' || p_span || '''s requests'
-: other applications use this month's requests
d’autres applications utilisent les requêtes du mois

shared/vendors/src/budget.rs: no request was sent to {api}, because the budget allowed none in time: {why}
-: SELLSY_BUDGET: no request was sent to Sellsy, because the budget allowed none in time: the API refused a request (429)
SELLSY_BUDGET : aucune requête n’a été envoyée à Sellsy, car le quota n’en permettait aucune à temps : l’API a refusé une requête (429)

shared/vendors/src/budget.rs: "other requests are ahead"
-: SELLSY_BUDGET: no request was sent to Sellsy, because the budget allowed none in time: other requests are ahead
SELLSY_BUDGET : aucune requête n’a été envoyée à Sellsy, car le quota n’en permettait aucune à temps : d’autres requêtes passent avant

shared/migrations/V20__month_and_token.sql: 'the ' || why || '''s requests are used'
-: SELLSY_BUDGET: no request was sent to Sellsy, because the budget allowed none in time: the day's requests are used
SELLSY_BUDGET : aucune requête n’a été envoyée à Sellsy, car le quota n’en permettait aucune à temps : les requêtes du jour sont épuisées

shared/migrations/V20__month_and_token.sql: 'the ' || why || '''s requests are used'
-: the second's requests are used
les requêtes de cette seconde sont épuisées

shared/migrations/V20__month_and_token.sql: 'the ' || why || '''s requests are used'
-: the minute's requests are used
les requêtes de cette minute sont épuisées

shared/migrations/V20__month_and_token.sql: 'the ' || why || '''s requests are used'
-: the month's requests are used
les requêtes du mois sont épuisées

shared/vendors/src/budget.rs: no request was sent to {api}: {UNAVAILABLE}
-: SELLSY_UNAVAILABLE: no request was sent to Sellsy: it does not answer
SELLSY_UNAVAILABLE : aucune requête n’a été envoyée à Sellsy, qui ne répond pas

shared/vendors/src/api.rs: answered {status}
-: SELLSY_REJECTED: POST /contacts/search: answered 400 Bad Request
SELLSY_REJECTED : POST /contacts/search : réponse 400 Bad Request

shared/vendors/src/api.rs: {message}: the account's plan does not include this
-: SELLSY_PLAN: POST /contacts/search: answered 402 Payment Required: the account's plan does not include this
SELLSY_PLAN : POST /contacts/search : réponse 402 Payment Required ; l’abonnement du compte ne comprend pas cela

shared/vendors/src/api.rs: {message}: the API client lacks a scope or its staff a right
-: SELLSY_FORBIDDEN: POST /companies/search: answered 403 Forbidden: the API client lacks a scope or its staff a right
SELLSY_FORBIDDEN : POST /companies/search : réponse 403 Forbidden ; il manque une autorisation (scope) au client API, ou un droit à son collaborateur

shared/vendors/src/api.rs: {message}; check the API credential
-: SELLSY_CREDENTIAL: POST /individuals/search: answered 401 Unauthorized; check the API credential
SELLSY_CREDENTIAL : POST /individuals/search : réponse 401 Unauthorized ; vérifiez les identifiants de l’API

shared/vendors/src/sellsy/token.rs: {failure}; check SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET
-: SELLSY_CREDENTIAL: POST /oauth2/access-tokens: answered 400 Bad Request; check SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET
SELLSY_CREDENTIAL : POST /oauth2/access-tokens : réponse 400 Bad Request ; vérifiez SELLSY_CLIENT_ID et SELLSY_CLIENT_SECRET

shared/vendors/src/api.rs: {message}, but not by {} itself
-: SELLSY_UNAVAILABLE: POST /contacts/search: answered 403 Forbidden, but not by Sellsy itself
SELLSY_UNAVAILABLE : POST /contacts/search : réponse 403 Forbidden, qui ne vient pas de Sellsy lui-même

shared/vendors/src/api.rs: no connection: {explained}
-: SELLSY_UNAVAILABLE: POST /contacts/search: no connection: invalid peer certificate: Expired: the certificate must name the host and be signed by a CA that this machine trusts; SSL_CERT_FILE names others
SELLSY_UNAVAILABLE : POST /contacts/search : pas de connexion : « invalid peer certificate: Expired » : le certificat doit porter le nom de l’hôte et être signé par une autorité que cette machine reconnaît ; SSL_CERT_FILE en désigne d’autres

shared/vendors/src/api.rs: "no connection"
-: SELLSY_UNAVAILABLE: POST /contacts/search: no connection
SELLSY_UNAVAILABLE : POST /contacts/search : pas de connexion

shared/vendors/src/api.rs: no answer within {} s
-: SELLSY_UNAVAILABLE: POST /contacts/search: no answer within 20 s
SELLSY_UNAVAILABLE : POST /contacts/search : pas de réponse en 20 s

shared/vendors/src/api.rs: the request could not be built
-: SELLSY_UNAVAILABLE: POST /contacts/search: the request could not be built
SELLSY_UNAVAILABLE : POST /contacts/search : la requête n’a pas pu être construite

shared/vendors/src/api.rs: the connection ended without an answer
-: SELLSY_UNAVAILABLE: POST /contacts/search: the connection ended without an answer
SELLSY_UNAVAILABLE : POST /contacts/search : la connexion a pris fin sans réponse

shared/vendors/src/api/outage.rs: answered with an HTML page
-: SELLSY_UNAVAILABLE: POST /contacts/search: answered with an HTML page
SELLSY_UNAVAILABLE : POST /contacts/search : la réponse est une page HTML

shared/vendors/src/api/outage.rs: answered with invalid JSON
-: SELLSY_UNAVAILABLE: POST /contacts/search: answered with invalid JSON
SELLSY_UNAVAILABLE : POST /contacts/search : la réponse n’est pas du JSON valide

shared/vendors/src/api.rs: {}: the answer is not what is documented (line {}, column {})
-: SELLSY_ANSWER: POST /contacts/search: the answer is not what is documented (line 3, column 17)
SELLSY_ANSWER : POST /contacts/search : la réponse n’est pas conforme à la documentation (ligne 3, colonne 17)

shared/base/src/db.rs: no database connection was free within {} s
-: DATABASE_UNAVAILABLE: no database connection was free within 5 s
DATABASE_UNAVAILABLE : aucune connexion à la base ne s’est libérée en 5 s

shared/base/src/db.rs: {message}: {READ_ONLY}
-: DATABASE_UNAVAILABLE: PostgreSQL answered 25006: it takes no writes: it is a standby, or default_transaction_read_only is set
DATABASE_UNAVAILABLE : PostgreSQL a répondu 25006 : il n’accepte pas d’écriture, car c’est un serveur de secours, ou default_transaction_read_only est actif

shared/base/src/db.rs: PostgreSQL answered {}{}
-: DATABASE_REJECTED: PostgreSQL answered 23505 (calls_pkey)
DATABASE_REJECTED : PostgreSQL a répondu 23505 (calls_pkey)

shared/base/src/db.rs: PostgreSQL answered {}{}
-: DATABASE_REJECTED: PostgreSQL answered 57014
DATABASE_REJECTED : PostgreSQL a répondu 57014

shared/base/src/db.rs: unavailable(e.to_string())
-: DATABASE_UNAVAILABLE: connection closed
DATABASE_UNAVAILABLE : « connection closed »

shared/broker/src/amqp/publisher.rs: no {lacking} within {} ms
-: BROKER_UNAVAILABLE: no confirmation within 3000 ms
BROKER_UNAVAILABLE : pas de confirmation en 3000 ms

shared/broker/src/amqp/publisher.rs: no {lacking} within {} ms
-: BROKER_UNAVAILABLE: no channel within 3000 ms
BROKER_UNAVAILABLE : pas de canal en 3000 ms

shared/broker/src/amqp/publisher.rs: no queue takes {routing_key}; the topology is incomplete
-: BROKER_UNAVAILABLE: no queue takes call.resolved; the topology is incomplete
BROKER_UNAVAILABLE : aucune file ne prend call.resolved ; il manque une file ou une liaison

shared/broker/src/amqp/publisher.rs: the broker refused the message
-: BROKER_UNAVAILABLE: the broker refused the message
BROKER_UNAVAILABLE : le broker a refusé le message

shared/broker/src/amqp/publisher.rs: confirm mode is off
-: BROKER_UNAVAILABLE: confirm mode is off
BROKER_UNAVAILABLE : les confirmations ne sont pas actives

shared/broker/src/amqp/publisher.rs: the channel was not opened
-: BROKER_UNAVAILABLE: the channel was not opened
BROKER_UNAVAILABLE : le canal n’a pas été ouvert

shared/broker/src/amqp/publisher.rs: the publisher is closed
-: BROKER_UNAVAILABLE: the publisher is closed
BROKER_UNAVAILABLE : plus rien n’est publié

shared/broker/src/amqp/depth.rs: the broker does not answer
-: BROKER_UNAVAILABLE: the broker does not answer
BROKER_UNAVAILABLE : le broker ne répond pas
"#;

    /// File, what is written there, condition, sentence, French.
    fn places() -> Vec<[&'static str; 5]> {
        let cases = PLACES.trim().split("\n\n").map(|case| {
            let [place, said, french] = case.lines().collect::<Vec<_>>().try_into().unwrap();
            let ((file, written), (condition, reason)) =
                (place.split_once(": ").unwrap(), said.split_once(": ").unwrap());
            [file, written, condition, reason, french]
        });
        cases.collect()
    }

    /// With a text in one line that is written in several.
    fn source(file: &str) -> String {
        let text = std::fs::read_to_string(format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut lines = text.split("\\\n");
        let first = lines.next().unwrap_or_default().to_owned();
        lines.fold(first, |text, line| text + line.trim_start())
    }

    #[test]
    fn each_reason_is_said_in_french_as_long_as_the_code_says_it_so() {
        for [file, written, condition, reason, french] in places() {
            assert!(source(file).contains(written), "{file} no longer has {written:?}");
            let said = in_french(condition, reason).map(|said| said.replace('\u{202f}', " "));
            assert_eq!(said.as_deref(), Some(french), "{condition}: {reason}");
        }
    }

    #[test]
    fn each_sentence_has_its_case_and_says_in_french_what_varies() {
        for (english, french) in SENTENCES {
            let fits = |reason: &str| english.split("{}").all(|fixed| reason.contains(fixed));
            assert!(places().iter().any(|[_, _, _, reason, _]| fits(reason)), "no case: {english}");
            let (of_english, of_french) = (english.matches('{').count(), french.matches('{').count());
            let is_left_out = english.starts_with("no answer in time");
            assert!(of_english == of_french || is_left_out, "{english}: {french}");
            assert!(!french.contains('\''), "use ’ as the apostrophe: {french}");
        }
    }

    #[test]
    fn what_is_not_known_has_no_french() {
        for (condition, reason) in [
            ("database", ""),
            ("database", "the database cannot be used: "),
            ("Sellsy", "Sellsy is having a rest"),
            ("", "SELLSY_REJECTED: the label is not wanted"),
            ("", "NONSENSE: POST /contacts/search is odd"),
        ] {
            assert_eq!(in_french(condition, reason), None, "{reason}");
        }
    }

    #[test]
    fn a_line_does_not_break_before_a_mark() {
        let said =
            in_french("broker", "the broker cannot be reached: IO error: Connection reset by peer (os error 104)");
        let expected = "le broker est injoignable\u{202f}: «\u{202f}Connection reset by peer (os error 104)\u{202f}»";
        assert_eq!(said.as_deref(), Some(expected));
        let said = in_french("Sellsy", "Sellsy does not answer; work waits for it");
        assert_eq!(said.as_deref(), Some("Sellsy ne répond pas\u{202f}; le travail attend"));
    }
}
