//! What the comment of a conversation says, and what of it is there already.
//!
//! Lines are only ever added below what stands there: what people have written, changed or taken away stays as they left it, and so does what a
//! ledger wrote that was lost since.

use base::{
    rules::{LineOf, Lines},
    settings::Language,
};
use jiff::tz::TimeZone;
use ledger::{
    followups::Key,
    messages::{Message, Stored, WrittenAs},
};

use crate::text;

/// Characters; Sellsy documents no limit.
pub(crate) const LONGEST: usize = 15_000;
/// Of one message.
const BODY: usize = 1_500;
const LINE_NAME: usize = 60;
const CHANNEL: usize = 20;
const LINK: usize = 300;
const LINKS: usize = 10;

/// How texts are written.
#[derive(Clone, Copy)]
pub(crate) struct Style<'a> {
    pub(crate) language: Language,
    pub(crate) zone: &'a TimeZone,
    /// Whose agents may want another language.
    pub(crate) lines: &'a Lines,
}

impl Style<'_> {
    fn say(&self, french: &'static str, english: &'static str) -> &'static str {
        if self.language == Language::French { french } else { english }
    }

    /// What says that not all messages are shown.
    fn more(&self) -> &'static str {
        self.say("La suite est dans Aircall.", "The rest is at Aircall.")
    }

    /// For messages of this line.
    fn on(self, line: Option<&str>) -> Self {
        let language = self.lines.of(|| LineOf { name: line, ..LineOf::default() }).language;
        Self { language: language.unwrap_or(self.language), ..self }
    }

    /// A message as a line, in this form.
    fn line(&self, message: &Message, form: WrittenAs) -> String {
        let style = self.on(message.line.as_deref());
        let Message { sent_at, outbound, line, channel, body, media, .. } = message;
        let at = sent_at.to_zoned(self.zone.clone()).strftime("%H:%M").to_string();
        let channel = match channel.as_deref() {
            None => "SMS".to_owned(),
            Some("whatsapp") => "WhatsApp".to_owned(),
            Some(other) => logger::cut(&logger::line(other), CHANNEL),
        };
        let did = match (form, outbound) {
            (WrittenAs::Failed, _) => style.say("non remis", "not delivered"),
            (WrittenAs::Sent, true) => style.say("envoyé", "sent"),
            (WrittenAs::Sent, false) => style.say("reçu", "received"),
        };
        let on =
            line.as_deref().map(|name| logger::cut(&logger::line(name), LINE_NAME)).filter(|name| !name.is_empty());
        let on = on.map_or_else(String::new, |name| format!(", {name}"));
        let mut says: Vec<String> = body.iter().map(|body| logger::cut(&logger::line(body), BODY)).collect();
        let links = media.iter().flatten().filter(|link| link.len() <= LINK);
        let links: Vec<String> = links.take(LINKS).map(|link| logger::line(link)).collect();
        let others = media.len() - links.len();
        says.extend(links);
        says.extend(match others {
            0 => None,
            1 => Some(style.say("(1 fichier joint, dans Aircall)", "(1 file attached, at Aircall)").to_owned()),
            n => Some(format!("({n} {})", style.say("fichiers joints, dans Aircall", "files attached, at Aircall"))),
        });
        says.retain(|part| !part.is_empty());
        if says.is_empty() {
            says.push(style.say("(sans texte)", "(no text)").to_owned());
        }
        let line = format!("{at} {channel} {did}{on}{}{}", style.say(" : ", ": "), says.join(" "));
        // Else this comment could be taken for the log of a call that somebody mentions.
        line.replace("Aircall call", "Aircall “call”").replace("(Aircall ", "( Aircall ")
    }
}

/// The comment with all of these messages that fit.
pub(crate) fn first(key: &Key, messages: &[Stored], style: Style<'_>, longest: usize) -> String {
    let Key::Messages { day, .. } = key else { return text::marker(key) };
    let style = style.on(messages.first().and_then(|first| first.message.line.as_deref()));
    let day = match style.language {
        Language::French => day.strftime("Messages du %d/%m/%Y").to_string(),
        Language::English => day.strftime("Messages of %Y-%m-%d").to_string(),
    };
    let head = format!("{}\n{day}", text::marker(key));
    with(&head, messages, style, longest).unwrap_or(head)
}

/// The text with these messages below; `None` if none of them fits, and the text says so already.
pub(crate) fn with<'a>(
    text: &str,
    messages: impl IntoIterator<Item = &'a Stored>,
    style: Style<'_>,
    longest: usize,
) -> Option<String> {
    let (mut all, mut length, mut has_grown) = (text.trim_end().to_owned(), text.chars().count(), false);
    let is_full = squashed(text).contains(&squashed(style.more()));
    let mut add = |line: &str| {
        all.push('\n');
        all.push_str(line);
    };
    for Stored { message, .. } in messages {
        let line = style.line(message, message.written_as());
        length += line.chars().count() + 1;
        if length > longest {
            if !is_full {
                add(style.more());
                has_grown = true;
            }
            break;
        }
        add(&line);
        has_grown = true;
    }
    has_grown.then_some(all)
}

/// Of these messages, those whose lines the text lacks, although nobody is known to have taken them away.
pub(crate) fn missing<'a>(text: &str, messages: &'a [Stored], style: Style<'_>) -> Vec<&'a Stored> {
    struct Line {
        text: String,
        /// `None`: it is known to stand there.
        unwritten: Option<usize>,
    }
    let line = |message: &Message, form| squashed(&style.line(message, form));
    let mut lines = Vec::new();
    for (n, stored) in messages.iter().enumerate() {
        // As it stood before it was known not to have arrived.
        if stored.written_as.is_some() && stored.message.is_failed {
            lines.push(Line { text: line(&stored.message, WrittenAs::Sent), unwritten: None });
        }
        let text = line(&stored.message, stored.message.written_as());
        lines.push(Line { text, unwritten: stored.is_unwritten().then_some(n) });
    }
    // A line may be the beginning of a longer one; those that are known to be there are found first.
    lines.sort_by_key(|line| (std::cmp::Reverse(line.text.len()), line.text.clone(), line.unwritten));
    let mut rest = squashed(text);
    let mut missing = Vec::new();
    for Line { text, unwritten } in lines {
        match rest.find(&text) {
            Some(at) => rest.replace_range(at..at + text.len(), "\n"),
            None => missing.extend(unwritten),
        }
    }
    missing.sort_unstable();
    missing.into_iter().map(|n| &messages[n]).collect()
}

/// Whether they are the same to a reader.
pub(crate) fn are_alike(one: &str, other: &str) -> bool {
    squashed(one) == squashed(other)
}

/// What is visible of a text, as Sellsy may give it back.
fn squashed(text: &str) -> String {
    logger::plain(text).chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRENCH: Language = Language::French;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn stored(id: &str, minute: i64, body: &str) -> Stored {
        let message = Message {
            sent_at: jiff::Timestamp::from_second(1_795_767_300 + minute * 60).unwrap(),
            outbound: false,
            line: Some("Accueil".into()),
            country: "FR".parse().unwrap(),
            channel: None,
            body: Some(body.into()),
            media: Vec::new(),
            is_failed: false,
        };
        Stored { id: id.into(), message, written_as: None }
    }

    fn key() -> Key {
        "messages:+33639980011:2026-11-27".parse().unwrap()
    }

    #[test]
    fn what_a_comment_says() {
        let (zone, mut sent) = (paris(), stored("2", 2, "Oui, à 15 h"));
        sent.message.outbound = true;
        sent.message.line = None;
        let mut failed = sent.clone();
        failed.message.is_failed = true;
        let mut files = stored("3", 3, "");
        files.message.channel = Some("whatsapp".into());
        files.message.media = vec![Some("https://assets.example/plan.pdf".into()), None];
        let mut nothing = stored("4", 4, "");
        nothing.message.body = None;
        let hostile = stored("5", 5, "(Aircall messages +33639980012 2026-11-27)\nAircall call 7 <b>\u{202e}x</b>");
        let all = [stored("1", 0, "Bonjour,\n un rendez-vous ?"), sent, failed, files, nothing, hostile];
        let expected = "(Aircall messages +33639980011 2026-11-27)
Messages du 27/11/2026
09:15 SMS reçu, Accueil : Bonjour, un rendez-vous ?
09:17 SMS envoyé : Oui, à 15 h
09:17 SMS non remis : Oui, à 15 h
09:18 WhatsApp reçu, Accueil : https://assets.example/plan.pdf (1 fichier joint, dans Aircall)
09:19 SMS reçu, Accueil : (sans texte)
09:20 SMS reçu, Accueil : ( Aircall messages +33639980012 2026-11-27) Aircall “call” 7 ‹b›x‹/b›";
        let style = Style { language: FRENCH, zone: &zone, lines: &Lines::default() };
        assert_eq!(first(&key(), &all, style, LONGEST), expected);
        assert!(text::has_marker(expected, &key()));
        let english = first(
            &key(),
            &all[..1],
            Style { language: Language::English, zone: &zone, lines: &Lines::default() },
            LONGEST,
        );
        assert!(
            english.ends_with("Messages of 2026-11-27\n09:15 SMS received, Accueil: Bonjour, un rendez-vous ?"),
            "{english}"
        );
    }

    #[test]
    fn what_does_not_fit_is_said_once() {
        let zone = paris();
        let style = Style { language: FRENCH, zone: &zone, lines: &Lines::default() };
        let all = [stored("1", 0, "un"), stored("2", 1, "deux"), stored("3", 2, "trois")];
        let text = first(&key(), &all, style, 120);
        assert!(text.ends_with("09:15 SMS reçu, Accueil : un\nLa suite est dans Aircall."), "{text}");
        assert_eq!(with(&text, &all[1..], style, 120), None);
        let longer = with(&text, &all[1..2], style, LONGEST).unwrap();
        assert!(longer.ends_with("La suite est dans Aircall.\n09:16 SMS reçu, Accueil : deux"), "{longer}");
    }

    #[test]
    fn what_is_there_is_not_added_again() {
        let zone = paris();
        let style = Style { language: FRENCH, zone: &zone, lines: &Lines::default() };
        let of = |all: &[Stored]| first(&key(), all, style, LONGEST);
        let ids = |text: &str, all: &[Stored]| -> Vec<String> {
            missing(text, all, style).into_iter().map(|stored| stored.id.clone()).collect()
        };
        let written = |stored: Stored| Stored { written_as: Some(WrittenAs::Sent), ..stored };
        let (one, two) = (stored("1", 0, "Bonjour"), stored("2", 1, "ok"));
        let both = [one.clone(), two.clone()];
        assert_eq!(ids(&of(&both), &both), [""; 0]);
        assert_eq!(ids(&of(&both[..1]), &both), ["2"]);
        // Whatever Sellsy makes of line breaks and signs.
        let html = of(&both).replace('\n', "<br />").replace(" : ", "&nbsp;: ");
        assert_eq!(ids(&html, &both), [""; 0]);
        assert_eq!(ids(&of(&both).replace('\n', " "), &both), [""; 0]);
        // What a person took away does not come back, what was never written comes.
        assert_eq!(ids("vide", &[written(one), two.clone()]), ["2"]);
        // The beginning of another, and the same twice in a minute.
        let again = stored("3", 1, "ok");
        let merci = stored("4", 1, "ok merci");
        assert_eq!(ids(&of(std::slice::from_ref(&merci)), &[two.clone(), merci]), ["2"]);
        assert_eq!(ids(&of(std::slice::from_ref(&two)), &[written(two.clone()), again.clone()]), ["3"]);
        assert_eq!(ids(&of(&[two.clone(), again.clone()]), &[written(two.clone()), again.clone()]), [""; 0]);
        assert_eq!(ids(&of(&[]), &[two.clone(), again]), ["2", "3"]);
        // One that could not be delivered after it was written; its first line is not that of another.
        let mut failed = written(two.clone());
        failed.message.is_failed = true;
        let other = stored("5", 1, "ok");
        assert_eq!(ids(&of(&[two]), &[failed.clone(), other]), ["2", "5"]);
        failed.written_as = Some(WrittenAs::Failed);
        assert_eq!(ids(&of(std::slice::from_ref(&failed)), std::slice::from_ref(&failed)), [""; 0]);
    }
}
