//! The words of alerts, in the language of the logs: what is wrong, and what a person can do about it.

use base::settings::{AlertKind, Language};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::standing::Wrong;

#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) language: Language,
    pub(super) time_zone: TimeZone,
    pub(super) console_url: Option<String>,
}

/// A page of the console, and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) url: String,
    pub(super) label: &'static str,
}

impl Words {
    pub(super) fn of<T>(&self, french: T, english: T) -> T {
        match self.language {
            Language::French => french,
            Language::English => english,
        }
    }

    pub(super) fn title(&self, kind: AlertKind, is_over: bool) -> String {
        let what = match kind {
            AlertKind::Parked => self.of("messages en échec", "messages are parked"),
            AlertKind::WebhookDisabled => self.of("Aircall n’envoie plus d’événements", "Aircall sends no events"),
            AlertKind::BudgetExhausted => self.of("quota d’une API épuisé", "an API's quota is used up"),
            AlertKind::WorkerGone => self.of("un worker ne tourne plus", "a worker is not running"),
            AlertKind::QueueStands => self.of("une file n’avance plus", "a queue stands still"),
            AlertKind::DirectoryStale => self.of("l’annuaire n’est plus à jour", "the phone directory is out of date"),
            AlertKind::ApiRefused => self.of("une API refuse les identifiants", "an API refuses the credential"),
        };
        match is_over {
            false => self.of(format!("Callbridge : {what}"), format!("Callbridge: {what}")),
            true => self.of(format!("Callbridge, terminé : {what}"), format!("Callbridge, over: {what}")),
        }
    }

    pub(super) fn text(&self, kind: AlertKind, is_over: bool, wrong: &[Wrong]) -> String {
        let says = if is_over { self.over(kind).to_owned() } else { self.begun(kind, wrong) };
        self.of(format!("Callbridge : {says}"), format!("Callbridge: {says}"))
    }

    fn begun(&self, kind: AlertKind, wrong: &[Wrong]) -> String {
        match kind {
            AlertKind::Parked => self.parked(wrong),
            AlertKind::WebhookDisabled => self.of(
                "Aircall n’a pas de webhook actif vers cette installation, donc aucun événement n’arrive. `callbridge webhook status` en dit plus, \
                 `callbridge webhook install` le réactive."
                    .into(),
                "Aircall has no active webhook for it, so no event arrives. `callbridge webhook status` says more, `callbridge webhook \
                 install` enables it."
                    .into(),
            ),
            AlertKind::BudgetExhausted => self.budget(wrong),
            AlertKind::WorkerGone => {
                let workers = self.list(wrong, |wrong| &wrong.name);
                self.of(
                    format!(
                        "aucun processus de {workers} ne tourne. Les messages attendent dans leurs files. Redémarrez-le ; la fin de son journal \
                         dit pourquoi il s’est arrêté."
                    ),
                    format!(
                        "no process of {workers} is running. Messages wait in their queues. Start it again; the end of its log says why it \
                         ended."
                    ),
                )
            }
            AlertKind::QueueStands => self.queues(wrong),
            AlertKind::DirectoryStale => {
                let kinds = self.list(wrong, |wrong| self.record(&wrong.name));
                self.of(
                    format!(
                        "l’annuaire n’est plus à jour : les changements dans Sellsy ne sont pas lus ({kinds}). Les appelants sont cherchés dans \
                         l’annuaire tel qu’il est. `callbridge directory status` dit pourquoi."
                    ),
                    format!(
                        "the phone directory is out of date: changes in Sellsy are not read ({kinds}). Callers are looked up in it as it is. \
                         `callbridge directory status` says why."
                    ),
                )
            }
            AlertKind::ApiRefused => {
                let apis = self.list(wrong, |wrong| api(&wrong.name));
                let settings: Vec<_> = wrong.iter().map(|wrong| credential(&wrong.name)).collect();
                let settings = settings.join(", ");
                self.of(
                    format!(
                        "{apis} refuse les identifiants. Vérifiez {settings} et redémarrez les workers ; `callbridge check` les essaie. Les \
                         messages sont réessayés pendant 70 minutes, puis mis de côté."
                    ),
                    format!(
                        "{apis} refuses the credential. Correct {settings} and restart the workers; `callbridge check` tries it. Messages are \
                         retried for 70 minutes, then parked."
                    ),
                )
            }
        }
    }

    fn parked(&self, wrong: &[Wrong]) -> String {
        let count: i64 = wrong.iter().map(|wrong| wrong.amount).sum();
        let by_stage: Vec<_> = wrong.iter().map(|wrong| format!("{} {}", wrong.name, wrong.amount)).collect();
        let by_stage = by_stage.join(", ");
        let is_one = count == 1;
        self.of(
            format!(
                "{count} {} en échec ({by_stage}). `callbridge dead list` dit pourquoi.",
                if is_one { "message est" } else { "messages sont" }
            ),
            format!(
                "{count} {} parked ({by_stage}). `callbridge dead list` says why.",
                if is_one { "message is" } else { "messages are" }
            ),
        )
    }

    fn budget(&self, wrong: &[Wrong]) -> String {
        let of = |sign: &str| -> Vec<Wrong> { wrong.iter().filter(|wrong| wrong.sign == sign).cloned().collect() };
        let (used_up, waiting) = (of("used_up"), of("waiting"));
        let problem = if used_up.is_empty() {
            let apis = self.list(&waiting, |wrong| api(&wrong.name));
            self.of(
                format!("des requêtes à {apis} attendent leur tour depuis plusieurs minutes"),
                format!("requests to {apis} have been waiting for their turn for minutes"),
            )
        } else {
            let apis = self.list(&used_up, |wrong| api(&wrong.name));
            self.of(
                format!("les requêtes du jour à {apis} sont épuisées"),
                format!("the day's requests to {apis} are used up"),
            )
        };
        self.of(
            format!("{problem}. `callbridge budget` montre ce qui les utilise."),
            format!("{problem}. `callbridge budget` shows what uses them."),
        )
    }

    fn queues(&self, wrong: &[Wrong]) -> String {
        let of = |sign: &str| -> Vec<Wrong> { wrong.iter().filter(|wrong| wrong.sign == sign).cloned().collect() };
        let (alone, still) = (of("no_consumer"), of("not_falling"));
        let mut says = Vec::new();
        if !alone.is_empty() {
            let stages = self.list(&alone, |wrong| &wrong.name);
            says.push(self.of(
                format!("des messages attendent pour {stages}, et personne ne les prend"),
                format!("messages wait for {stages}, and nobody takes them"),
            ));
        }
        if !still.is_empty() {
            let stages = self.list(&still, |wrong| &wrong.name);
            says.push(self.of(
                format!("le nombre de messages qui attendent pour {stages} ne baisse plus depuis dix minutes"),
                format!("the number of messages that wait for {stages} has not fallen for ten minutes"),
            ));
        }
        let says = says.join(self.of(" ; ", "; "));
        self.of(
            format!("{says}. Le worker tourne-t-il ? `callbridge check` et son `/readyz` disent ce qui manque."),
            format!("{says}. Is the worker running? `callbridge check` and its `/readyz` say what is missing."),
        )
    }

    fn over(&self, kind: AlertKind) -> &'static str {
        match kind {
            AlertKind::Parked => self.of("plus aucun message n’est en échec.", "no message is parked any more."),
            AlertKind::WebhookDisabled => {
                self.of("Aircall a de nouveau un webhook actif.", "Aircall has an active webhook again.")
            }
            AlertKind::BudgetExhausted => {
                self.of("les requêtes aux API n’attendent plus.", "requests to the APIs wait no longer.")
            }
            AlertKind::WorkerGone => self.of("tous les workers tournent de nouveau.", "all workers are running again."),
            AlertKind::QueueStands => self.of("toutes les files avancent de nouveau.", "all queues move again."),
            AlertKind::DirectoryStale => {
                self.of("l’annuaire est de nouveau à jour.", "the phone directory is up to date again.")
            }
            AlertKind::ApiRefused => {
                self.of("les API acceptent de nouveau les identifiants.", "the APIs accept the credential again.")
            }
        }
    }

    pub(super) fn when(&self, since: Timestamp, lasted: Option<SignedDuration>) -> String {
        let local = |at: Timestamp, format: &str| at.to_zoned(self.time_zone.clone()).strftime(format).to_string();
        let since = self.of(local(since, "%d/%m/%Y à %H:%M"), local(since, "%Y-%m-%d at %H:%M"));
        match lasted {
            None => self.of(format!("Depuis le {since}."), format!("Since {since}.")),
            Some(lasted) => {
                let lasted = self.duration(lasted);
                self.of(format!("A duré {lasted}, depuis le {since}."), format!("It lasted {lasted}, since {since}."))
            }
        }
    }

    /// In its two largest units.
    fn duration(&self, lasted: SignedDuration) -> String {
        let minutes = lasted.as_mins();
        match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
            (0, 0, 0) => self.of("moins d’une minute", "less than a minute").to_owned(),
            (0, 0, minutes) => format!("{minutes} min"),
            (0, hours, minutes) => format!("{hours} h {minutes} min"),
            (days, hours, _) => format!("{days} {} {hours} h", self.of("j", "d")),
        }
    }

    /// The page of the console that shows it.
    pub(super) fn link(&self, kind: AlertKind) -> Option<Link> {
        let console = self.console_url.as_ref()?;
        let page = match kind {
            AlertKind::Parked => "/dead",
            AlertKind::DirectoryStale => "/directory",
            _ => "/",
        };
        Some(Link { url: format!("{console}{page}"), label: self.of("Ouvrir la console", "Open the console") })
    }

    /// Each name once, with "and" before the last.
    fn list<'a>(&self, wrong: &'a [Wrong], name: impl Fn(&'a Wrong) -> &'a str) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in wrong.iter().map(name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => {
                let rest = rest.join(", ");
                self.of(format!("{rest} et {last}"), format!("{rest} and {last}"))
            }
            _ => names.concat(),
        }
    }

    fn record<'a>(&self, kind: &'a str) -> &'a str {
        match kind {
            "individual" => self.of("particuliers", "individuals"),
            "company" => self.of("sociétés", "companies"),
            "contact" => "contacts",
            other => other,
        }
    }
}

fn api(name: &str) -> &str {
    match name {
        "aircall" => "Aircall",
        "sellsy" => "Sellsy",
        other => other,
    }
}

/// The settings that an API's credential is made of.
fn credential(api: &str) -> &str {
    match api {
        "aircall" => "`AIRCALL_API_ID`, `AIRCALL_API_TOKEN`",
        "sellsy" => "`SELLSY_CLIENT_ID`, `SELLSY_CLIENT_SECRET`",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use base::settings::Language::{English, French};

    use super::{
        super::message::tests::{at, words},
        *,
    };

    fn one(sign: &str, name: &str, amount: i64) -> Wrong {
        Wrong { sign: sign.into(), name: name.into(), amount }
    }

    #[test]
    fn says_what_is_wrong_and_what_to_do() {
        use AlertKind::*;
        let texts = [
            (Parked, vec![one("", "logger", 1)], "1 message is parked (logger 1). `callbridge dead list` says why."),
            (
                Parked,
                vec![one("", "ingest", 1), one("", "logger", 2)],
                "3 messages are parked (ingest 1, logger 2). `callbridge dead list` says why.",
            ),
            (
                BudgetExhausted,
                vec![one("used_up", "sellsy", 1), one("waiting", "sellsy", 1)],
                "the day's requests to Sellsy are used up. `callbridge budget` shows what uses them.",
            ),
            (
                BudgetExhausted,
                vec![one("waiting", "aircall", 1), one("waiting", "sellsy", 1)],
                "requests to Aircall and Sellsy have been waiting for their turn for minutes. `callbridge budget` shows what uses them.",
            ),
            (
                WorkerGone,
                vec![one("", "insights", 1), one("", "logger", 1), one("", "resolver", 1)],
                "no process of insights, logger and resolver is running. Messages wait in their queues. Start it again; the end of its log \
                 says why it ended.",
            ),
            (
                QueueStands,
                vec![one("no_consumer", "logger", 9), one("not_falling", "hints", 3)],
                "messages wait for logger, and nobody takes them; the number of messages that wait for hints has not fallen for ten \
                 minutes. Is the worker running? `callbridge check` and its `/readyz` say what is missing.",
            ),
            (
                DirectoryStale,
                vec![one("problem", "company", 1), one("unread", "company", 1), one("unread", "contact", 1)],
                "the phone directory is out of date: changes in Sellsy are not read (companies and contacts). Callers are looked up in it as \
                 it is. `callbridge directory status` says why.",
            ),
            (
                ApiRefused,
                vec![one("", "sellsy", 1)],
                "Sellsy refuses the credential. Correct `SELLSY_CLIENT_ID`, `SELLSY_CLIENT_SECRET` and restart the workers; `callbridge \
                 check` tries it. Messages are retried for 70 minutes, then parked.",
            ),
        ];
        for (kind, wrong, expected) in texts {
            assert_eq!(words(English, None).text(kind, false, &wrong), format!("Callbridge: {expected}"));
        }
    }

    /// All kinds in both languages: a command to run, or a hint, and no name of an API as it is stored.
    #[test]
    fn each_kind_has_words_in_both_languages() {
        let wrong = [one("used_up", "sellsy", 2), one("no_consumer", "logger", 2), one("", "sellsy", 2)];
        for kind in AlertKind::ALL {
            let (french, english) = (words(French, None), words(English, None));
            for is_over in [false, true] {
                let (fr, en) = (french.text(kind, is_over, &wrong), english.text(kind, is_over, &wrong));
                assert!(fr.starts_with("Callbridge : ") && en.starts_with("Callbridge: ") && fr != en, "{fr} {en}");
                assert_ne!(french.title(kind, is_over), english.title(kind, is_over));
                assert!(fr.ends_with('.') && en.ends_with('.'), "{fr} {en}");
            }
        }
        assert_eq!(
            words(French, None).text(AlertKind::Parked, false, &[one("", "logger", 2)]),
            "Callbridge : 2 messages sont en échec (logger 2). `callbridge dead list` dit pourquoi."
        );
        assert_eq!(
            words(French, None).title(AlertKind::WorkerGone, true),
            "Callbridge, terminé : un worker ne tourne plus"
        );
    }

    #[test]
    fn says_since_when_and_how_long() {
        let (french, english) = (words(French, None), words(English, None));
        assert_eq!(english.when(at(2), None), "Since 2026-11-23 at 00:02.");
        assert_eq!(french.when(at(2), None), "Depuis le 23/11/2026 à 00:02.");
        for (minutes, fr, en) in [
            (0, "moins d’une minute", "less than a minute"),
            (12, "12 min", "12 min"),
            (60, "1 h 0 min", "1 h 0 min"),
            (135, "2 h 15 min", "2 h 15 min"),
            (24 * 60 * 3 + 61, "3 j 1 h", "3 d 1 h"),
        ] {
            let lasted = Some(SignedDuration::from_mins(minutes));
            assert_eq!(english.when(at(2), lasted), format!("It lasted {en}, since 2026-11-23 at 00:02."));
            assert_eq!(french.when(at(2), lasted), format!("A duré {fr}, depuis le 23/11/2026 à 00:02."));
        }
    }

    #[test]
    fn links_to_the_page_that_shows_it() {
        let url = |kind| words(English, Some("https://calls.example.com")).link(kind).map(|link| link.url);
        assert_eq!(url(AlertKind::Parked).as_deref(), Some("https://calls.example.com/dead"));
        assert_eq!(url(AlertKind::DirectoryStale).as_deref(), Some("https://calls.example.com/directory"));
        assert_eq!(url(AlertKind::WorkerGone).as_deref(), Some("https://calls.example.com/"));
        assert_eq!(words(English, None).link(AlertKind::Parked), None);
    }
}
