//! A workflow of Microsoft Teams that posts what a webhook receives. It takes a message with an Adaptive Card among its attachments; the older
//! message cards, and a bare text, it does not show.

use serde_json::{Value, json};

use super::super::message::{Message, State};

pub(super) fn json(message: &Message) -> Value {
    let colour = match message.state {
        State::Begun => "attention",
        State::Over => "good",
        State::Report => "accent",
    };
    // Cards have no signs for code, and show them.
    let text = message.text.replace('`', "");
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [
            { "type": "TextBlock", "text": message.title, "weight": "bolder", "color": colour, "wrap": true },
            { "type": "TextBlock", "text": text, "wrap": true },
            { "type": "TextBlock", "text": message.when, "isSubtle": true, "wrap": true },
        ],
    });
    if let Some(link) = &message.link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": link.label, "url": link.url }]);
    }
    json!({
        "type": "message",
        "attachments": [
            { "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card },
        ],
    })
}

#[cfg(test)]
mod tests {
    use base::settings::Language::{English, French};

    use super::*;
    use crate::alerts::message::tests::parked;

    #[test]
    fn is_a_card_in_the_envelope_of_a_message() {
        assert_eq!(
            json(&parked(false, French, None)),
            json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.2",
                        "body": [
                            { "type": "TextBlock", "text": "Callbridge : messages en échec", "weight": "bolder", "color": "attention", "wrap": true },
                            {
                                "type": "TextBlock",
                                "text": "Callbridge : 2 messages sont en échec (logger 2). callbridge dead list dit pourquoi.",
                                "wrap": true,
                            },
                            { "type": "TextBlock", "text": "Depuis le 23/11/2026 à 00:02.", "isSubtle": true, "wrap": true },
                        ],
                    },
                }],
            })
        );
        let over = json(&parked(true, English, Some("https://calls.example.com")));
        let card = &over["attachments"][0]["content"];
        assert_eq!(card["body"][0]["color"], "good");
        assert_eq!(card["body"][0]["text"], "Callbridge, over: messages are parked");
        assert_eq!(card["body"][2]["text"], "It lasted 12 min, since 2026-11-23 at 00:02.");
        assert_eq!(
            card["actions"],
            json!([{ "type": "Action.OpenUrl", "title": "Open the console", "url": "https://calls.example.com/dead" }])
        );
    }
}
