//! An incoming webhook of Slack. `text` is what notifications show; the blocks are what the channel shows.

use serde_json::{Value, json};

use super::super::message::{Message, State};

pub(super) fn json(message: &Message) -> Value {
    let sign = match message.state {
        State::Begun => ":red_circle:",
        State::Over => ":white_check_mark:",
        State::Report => ":bar_chart:",
    };
    let mut beside = escaped(&message.when);
    if let Some(link) = &message.link {
        beside.push_str(&format!(" <{}|{}>", escaped(&link.url), escaped(link.label)));
    }
    json!({
        "text": escaped(&message.text),
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("{sign} {}", escaped(&message.text)) } },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": beside }] },
        ],
    })
}

/// The three characters that mean something else to Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use base::settings::Language::{English, French};

    use super::*;
    use crate::alerts::message::tests::parked;

    #[test]
    fn is_a_section_and_what_stands_beside_it() {
        let text = "Callbridge : 2 messages sont en échec (logger 2). `callbridge dead list` dit pourquoi.";
        assert_eq!(
            json(&parked(false, French, None)),
            json!({
                "text": text,
                "blocks": [
                    { "type": "section", "text": { "type": "mrkdwn", "text": format!(":red_circle: {text}") } },
                    { "type": "context", "elements": [{ "type": "mrkdwn", "text": "Depuis le 23/11/2026 à 00:02." }] },
                ],
            })
        );
        let text = "Callbridge: no message is parked any more.";
        let beside = "It lasted 12 min, since 2026-11-23 at 00:02. <https://calls.example.com/?a=1&amp;b=2/dead|Open the console>";
        assert_eq!(
            json(&parked(true, English, Some("https://calls.example.com/?a=1&b=2"))),
            json!({
                "text": text,
                "blocks": [
                    { "type": "section", "text": { "type": "mrkdwn", "text": format!(":white_check_mark: {text}") } },
                    { "type": "context", "elements": [{ "type": "mrkdwn", "text": beside }] },
                ],
            })
        );
    }
}
