//! Removes the webhook tokens from what is kept of a body, whatever the body is.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const IN_PLACE: &str = "[token]";
/// In place of a string that JSON does not allow: it could be read as anything.
const UNREADABLE: &str = "\"[unreadable]\"";

/// What must not be kept: the tokens of the settings, and the one that the body has shown.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(pub(crate) Vec<SecretString>);

impl Secrets {
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty())
    }

    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.all().any(|token| text.contains(token))
    }

    fn replaced(&self, text: &str) -> String {
        self.all().fold(text.to_owned(), |text, token| text.replace(token, IN_PLACE))
    }

    /// JSON in which no string holds a token, neither as it is written nor once its escapes are read. Works string by string,
    /// so that it needs no parser: JSON that is too deep, or that has numbers too large for one, is treated like any other.
    pub(crate) fn redact<'a>(&self, json: &'a str) -> Cow<'a, str> {
        let mut redacted = String::new();
        let mut done = 0;
        let mut rest = 0;
        while let Some(quote) = json[rest..].find('"') {
            let begin = rest + quote;
            let end = end_of_string(json, begin);
            rest = end;
            if let Some(string) = self.string(&json[begin..end]) {
                redacted.push_str(&json[done..begin]);
                redacted.push_str(&string);
                done = end;
            }
        }
        if done == 0 {
            return Cow::Borrowed(json);
        }
        redacted.push_str(&json[done..]);
        Cow::Owned(redacted)
    }

    /// What to write in place of a quoted string; `None` if it can stay.
    fn string(&self, quoted: &str) -> Option<String> {
        if !quoted.contains('\\') && quoted.len() > 1 && quoted.ends_with('"') {
            return self.are_in(quoted).then(|| self.replaced(quoted));
        }
        match serde_json::from_str::<String>(quoted) {
            Ok(text) if self.are_in(&text) || self.are_in(quoted) => Some(json!(self.replaced(&text)).to_string()),
            Ok(_) => None,
            Err(_) => Some(UNREADABLE.to_owned()),
        }
    }

    /// What is kept of a body that is parked, for people to read. Falls back to its size if anything in it still looks like
    /// a token, for example a number.
    pub(crate) fn keep(&self, body: &str) -> Vec<u8> {
        let redacted = self.redact(body);
        let kept = match serde_json::from_str(&redacted) {
            Ok(Value::Object(mut fields)) => {
                fields.remove("token");
                serde_json::to_string(&fields).unwrap_or_default()
            }
            _ => redacted.into_owned(),
        };
        let kept = if self.are_in(&kept) { json!({ "unreadable_bytes": body.len() }).to_string() } else { kept };
        kept.into_bytes()
    }
}

/// After the closing quote of the string that begins at `begin`, or the end of the text.
fn end_of_string(json: &str, begin: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(begin + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}
