//! Who is told when something is wrong, and what each of them wants to know.

use std::{collections::BTreeSet, fmt, str::FromStr};

use lettre::message::Mailbox;
use reqwest::Url;
use secrecy::SecretString;

/// What somebody can be told of. The names are part of the messages, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    Parked,
    WebhookDisabled,
    BudgetExhausted,
    WorkerGone,
    QueueStands,
    DirectoryStale,
    ApiRefused,
}

impl AlertKind {
    pub const ALL: [Self; 7] = [
        Self::Parked,
        Self::WebhookDisabled,
        Self::BudgetExhausted,
        Self::WorkerGone,
        Self::QueueStands,
        Self::DirectoryStale,
        Self::ApiRefused,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::WebhookDisabled => "webhook_disabled",
            Self::BudgetExhausted => "budget_exhausted",
            Self::WorkerGone => "worker_gone",
            Self::QueueStands => "queue_stands",
            Self::DirectoryStale => "directory_stale",
            Self::ApiRefused => "api_refused",
        }
    }

    /// Reads what `as_str` writes; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What an alert goes to. The names are stored, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertChannel {
    Webhook,
    Slack,
    Teams,
    Mail,
}

impl AlertChannel {
    pub const ALL: [Self; 4] = [Self::Webhook, Self::Slack, Self::Teams, Self::Mail];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Mail => "mail",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }
}

/// Each receiver only if it is set. The addresses of the first three hold a secret.
#[derive(Clone, Debug)]
pub struct Alerts {
    pub webhook_url: Option<SecretString>,
    /// Signs what goes to the webhook.
    pub webhook_secret: Option<SecretString>,
    pub slack_url: Option<SecretString>,
    pub teams_url: Option<SecretString>,
    pub mail: Option<AlertMail>,
    pub kinds: AlertKinds,
}

#[derive(Clone, Debug)]
pub struct AlertMail {
    pub smtp_url: SecretString,
    pub from: Mailbox,
    /// At least one.
    pub to: Vec<Mailbox>,
}

/// Which kinds each receiver wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertKinds(BTreeSet<(AlertChannel, AlertKind)>);

impl AlertKinds {
    pub fn wanted_by(&self, channel: AlertChannel) -> impl Iterator<Item = AlertKind> {
        AlertKind::ALL.into_iter().filter(move |kind| self.0.contains(&(channel, *kind)))
    }
}

/// Why a text does not say who wants what. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongKinds {
    Kind,
    Channel,
    Twice,
}

impl fmt::Display for WrongKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => write!(
                f,
                "names an unknown kind; the kinds are {} and * for all",
                AlertKind::ALL.map(AlertKind::as_str).join(", ")
            ),
            Self::Channel => write!(
                f,
                "names an unknown receiver; the receivers are {}",
                AlertChannel::ALL.map(AlertChannel::as_str).join(", ")
            ),
            Self::Twice => f.write_str("says twice what the same receiver, or all others, want"),
        }
    }
}

/// Entries with semicolons between them: `slack:parked,worker_gone; mail:*; parked`. One without a receiver is for those that are not named;
/// without such an entry they get everything.
impl FromStr for AlertKinds {
    type Err = WrongKinds;

    fn from_str(text: &str) -> Result<Self, WrongKinds> {
        let (mut wanted, mut named, mut others) = (BTreeSet::new(), BTreeSet::new(), None);
        for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.split_once(':') {
                None => {
                    if others.replace(kinds(entry)?).is_some() {
                        return Err(WrongKinds::Twice);
                    }
                }
                Some((channel, of_channel)) => {
                    let channel = AlertChannel::parse(channel.trim()).ok_or(WrongKinds::Channel)?;
                    if !named.insert(channel) {
                        return Err(WrongKinds::Twice);
                    }
                    wanted.extend(kinds(of_channel)?.into_iter().map(|kind| (channel, kind)));
                }
            }
        }
        let others = others.unwrap_or_else(|| AlertKind::ALL.to_vec());
        for channel in AlertChannel::ALL.into_iter().filter(|channel| !named.contains(channel)) {
            wanted.extend(others.iter().map(|kind| (channel, *kind)));
        }
        Ok(Self(wanted))
    }
}

fn kinds(text: &str) -> Result<Vec<AlertKind>, WrongKinds> {
    if text.trim() == "*" {
        return Ok(AlertKind::ALL.to_vec());
    }
    text.split(',').map(|name| AlertKind::parse(name.trim()).ok_or(WrongKinds::Kind)).collect()
}

/// `smtps://user:password@host:465` or `smtp://host:587`, and nothing behind it: there, an unencoded character of a password would be. A password that
/// is not encoded often leaves another host or a port that is none.
pub(super) fn is_smtp_url(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let login = url.username().is_empty() == url.password().is_none();
    let rest = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "smtp" | "smtps") && url.host_str().is_some_and(|host| !host.is_empty()) && login && rest
}

#[cfg(test)]
mod tests {
    use super::{AlertChannel::*, AlertKind::*, *};

    #[test]
    fn each_receiver_gets_what_it_wants() {
        let all = AlertKind::ALL.to_vec();
        for (text, channel, expected) in [
            ("", Mail, all.clone()),
            ("*", Slack, all.clone()),
            ("parked,worker_gone", Slack, vec![Parked, WorkerGone]),
            ("slack:parked, worker_gone ; mail:*", Slack, vec![Parked, WorkerGone]),
            ("slack:parked;mail:*", Mail, all.clone()),
            // It is not named.
            ("slack:parked;mail:*", Teams, all),
            ("slack:parked;api_refused", Teams, vec![ApiRefused]),
            ("slack:parked;api_refused", Slack, vec![Parked]),
            ("queue_stands,parked;webhook:directory_stale;", Webhook, vec![DirectoryStale]),
        ] {
            let kinds: AlertKinds = text.parse().unwrap();
            assert_eq!(kinds.wanted_by(channel).collect::<Vec<_>>(), expected, "{text} for {channel:?}");
        }
        for (text, wrong) in [
            ("park", WrongKinds::Kind),
            ("slack:", WrongKinds::Kind),
            ("parked,,api_refused", WrongKinds::Kind),
            ("slack:*,parked", WrongKinds::Kind),
            ("chat:parked", WrongKinds::Channel),
            (":parked", WrongKinds::Channel),
            ("parked;*", WrongKinds::Twice),
            ("mail:parked;mail:*", WrongKinds::Twice),
        ] {
            assert_eq!(text.parse::<AlertKinds>(), Err(wrong), "{text}");
        }
        for kind in AlertKind::ALL {
            assert_eq!(AlertKind::parse(kind.as_str()), Some(kind));
            assert!(WrongKinds::Kind.to_string().contains(kind.as_str()));
        }
    }

    #[test]
    fn the_address_of_a_mail_server_has_a_login_or_none() {
        for (text, expected) in [
            ("smtps://user:password@mail.example:465", true),
            ("smtps://ops%40example.com:p%2Fw%3F@mail.example", true),
            ("smtp://127.0.0.1:25", true),
            ("smtp://[::1]:25/", true),
            ("smtp://user@mail.example", false),
            ("smtp://:password@mail.example", false),
            ("smtp://user:pass/word@mail.example", false),
            ("smtp://user:pass?word@mail.example", false),
            ("smtp://user:pass#word@mail.example", false),
            ("smtp://mail.example/?tls=none", false),
            ("smtp://", false),
            ("https://mail.example", false),
            ("mail.example:587", false),
        ] {
            assert_eq!(is_smtp_url(text), expected, "{text}");
        }
    }
}
