//! E-mail, through a server that speaks SMTP.

use std::{net::IpAddr, time::Duration};

use base::{
    settings::{AlertMail, Problems},
    tls,
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{
        Mailbox, MessageBuilder,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
    transport::smtp::{self, extension::ClientId},
};
use reqwest::Url;
use secrecy::ExposeSecret;
use tokio::time;

use super::{super::message::Message, TIMEOUT, chain};

/// Of one e-mail: connecting, TLS, logging in, and a command for each address.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(40);

pub(in crate::alerts) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Programs that answer e-mails leave this one alone (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

impl Mail {
    pub(super) fn new(settings: &AlertMail) -> Result<Self, Problems> {
        // Of the errors, only that there is one: they may quote the URL.
        let wrong = || Problems::one("ALERT_SMTP_URL cannot be used: is the password percent-encoded?");
        let url = with_tls(settings.smtp_url.expose_secret()).ok_or_else(wrong)?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url)
            .map_err(|_| wrong())?
            .hello_name(ClientId::Domain(settings.from.email.domain().into()))
            .timeout(Some(TIMEOUT))
            .build();
        Ok(Self { transport, from: settings.from.clone(), to: settings.to.clone() })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), String> {
        let (subject, body) = text(message);
        let email = self.addressed(message).subject(subject).body(body).map_err(|e| e.to_string())?;
        let sent = time::timeout(WHOLE_TIMEOUT, self.transport.send(email)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(problem(&e)),
            Err(_) => Err(format!("the mail server has not taken it within {} s", WHOLE_TIMEOUT.as_secs())),
        }
    }

    fn addressed(&self, message: &Message) -> MessageBuilder {
        let (kind, at, domain) = (message.kind, message.at.as_microsecond(), self.from.email.domain());
        let id = format!("<{kind}.{at}@{domain}>");
        let message = lettre::Message::builder()
            .from(self.from.clone())
            .message_id(Some(id))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN);
        self.to.iter().fold(message, |message, to| message.to(to.clone()))
    }
}

/// Subject and text.
fn text(message: &Message) -> (String, String) {
    let link = message.link.as_ref().map(|link| format!("\n{}\n{}\n", link.label, link.url)).unwrap_or_default();
    (message.title.clone(), format!("{}\n\n{}\n{link}", message.text, message.when))
}

/// A password, and what the alert says, go over the network only by TLS. On this machine no certificate would fit.
fn with_tls(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == "smtp" && !is_here {
        url.set_query(Some("tls=required"));
    }
    Some(url.into())
}

/// What went wrong, without what the server said: it may quote addresses.
fn problem(e: &smtp::Error) -> String {
    match e.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if e.is_response() => "the mail server's answer is not SMTP".into(),
        None => tls::explain(chain(e)),
    }
}

#[cfg(test)]
mod tests {
    use base::settings::Language::{English, French};
    use lettre::message::Mailboxes;
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufStream},
        net::TcpListener,
    };

    use super::*;
    use crate::alerts::message::tests::parked;

    fn mail(url: &str) -> Mail {
        tls::install_provider();
        let (from, to): (Mailbox, Mailboxes) =
            ("Callbridge <calls@example.com>".parse().unwrap(), "a@example.com, b@example.net".parse().unwrap());
        Mail::new(&AlertMail { smtp_url: url.into(), from, to: to.into() }).unwrap()
    }

    #[test]
    fn goes_over_the_network_by_tls_only() {
        for (url, expected) in [
            ("smtps://u:p%40@mail.example:465", "smtps://u:p%40@mail.example:465"),
            ("smtp://u:p%40@mail.example:587", "smtp://u:p%40@mail.example:587?tls=required"),
            ("smtp://mail.example/", "smtp://mail.example/?tls=required"),
            ("smtp://192.0.2.7:25", "smtp://192.0.2.7:25?tls=required"),
            ("smtp://localhost.example:25", "smtp://localhost.example:25?tls=required"),
            ("smtp://localhost:25", "smtp://localhost:25"),
            ("smtp://127.0.0.2:25", "smtp://127.0.0.2:25"),
            ("smtp://[::1]:25", "smtp://[::1]:25"),
            ("smtps://127.0.0.1:465", "smtps://127.0.0.1:465"),
        ] {
            assert_eq!(with_tls(url).as_deref(), Some(expected), "{url}");
        }
        mail("smtp://u:p%40@mail.example:587");
    }

    #[test]
    fn says_the_same_as_the_others() {
        let (subject, text_) = text(&parked(false, English, Some("https://calls.example.com")));
        assert_eq!(subject, "Callbridge: messages are parked");
        assert_eq!(
            text_,
            "Callbridge: 2 messages are parked (logger 2). `callbridge dead list` says why.\n\nSince 2026-11-23 at 00:02.\n\n\
             Open the console\nhttps://calls.example.com/dead\n"
        );
        let (subject, text_) = text(&parked(true, French, None));
        assert_eq!(subject, "Callbridge, terminé : messages en échec");
        assert_eq!(
            text_,
            "Callbridge : plus aucun message n’est en échec.\n\nA duré 12 min, depuis le 23/11/2026 à 00:02.\n"
        );
    }

    #[test]
    fn is_addressed_to_everybody_and_from_a_program() {
        let message = parked(false, French, None);
        let (subject, body) = text(&message);
        let email = mail("smtp://127.0.0.1:25").addressed(&message).subject(subject).body(body).unwrap();
        let text = String::from_utf8(email.formatted()).unwrap();
        for line in [
            "From: Callbridge <calls@example.com>\r\n",
            "To: a@example.com, b@example.net\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Message-ID: <parked.1795389300000000@example.com>\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
        assert_eq!(email.envelope().to().len(), 2);
    }

    #[tokio::test]
    async fn a_server_without_tls_gets_no_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut client = BufStream::new(listener.accept().await.unwrap().0);
            let (mut said, mut answer) = (String::new(), "220 mail.test\r\n");
            loop {
                // The client may be gone.
                let _ = client.write_all(answer.as_bytes()).await;
                let _ = client.flush().await;
                let mut line = String::new();
                if client.read_line(&mut line).await.unwrap_or_default() == 0 {
                    return said;
                }
                answer = if line.starts_with("EHLO") { "250-mail.test\r\n250 AUTH PLAIN\r\n" } else { "250 ok\r\n" };
                said.push_str(&line);
            }
        });
        // An address of this machine that does not look like one.
        let mail = mail(&format!("smtp://user:password@127.1:{port}"));
        let problem = mail.send(&parked(false, English, None)).await.unwrap_err();
        drop(mail);
        let said = server.await.unwrap();
        assert!(problem.contains("STARTTLS"), "{problem}");
        assert!(said.starts_with("EHLO example.com\r\n"), "{said}");
        assert!(!said.contains("AUTH") && !said.contains("MAIL"), "{said}");
    }
}
