//! A picture of a card for the documents: the lines that Aircall got, drawn plainly, because its app is not ours to show.

use anyhow::{Context, Result};
use harness::{Stack, workspace};
use serde_json::Value;

use super::{PageCheck, chromium::View};

const DRAW: &str = r#"
    document.documentElement.innerHTML = '<head><meta charset="utf-8"><style>' +
        'body { margin: 0; padding: 16px; background: #eef1f4; font: 15px/1.4 system-ui, sans-serif; color: #101828 }' +
        'dl { margin: 0; padding: 16px 18px; border-radius: 12px; background: #fff; box-shadow: 0 1px 4px #0003 }' +
        'dt { color: #5b6472; font-size: 12px; margin-top: 8px } dd { margin: 0 } .title { font-weight: 600; font-size: 18px }' +
        '.linked { color: #00795f }</style></head><body><dl></dl></body>';
    for (const line of CARD) {
        if (line.label) document.querySelector('dl').appendChild(Object.assign(document.createElement('dt'), { textContent: line.label }));
        const dd = Object.assign(document.createElement('dd'), { textContent: line.text });
        dd.className = (line.type === 'title' ? 'title ' : '') + (line.link ? 'linked' : '');
        document.querySelector('dl').appendChild(dd);
    }
    return document.body.scrollHeight;"#;

impl PageCheck {
    /// Of the demo's first caller, with all that is known of her.
    pub(super) async fn picture_of_a_card(&self, stack: &Stack) -> Result<()> {
        let cards = stack.sandbox.get("/aircall/insight-cards").await?;
        let lines = |card: &Value| card["contents"].as_array().cloned().unwrap_or_default();
        let hers = cards.as_array().into_iter().flatten().map(lines);
        let hers = hers.filter(|lines| lines.first().is_some_and(|line| line["text"] == "Camille Moreau"));
        let card = hers.max_by_key(Vec::len).context("her card")?;
        self.browser.look_with(View::PHONE).await?;
        self.browser.open("about:blank").await?;
        let draw = DRAW.replace("CARD", &serde_json::to_string(&card)?);
        let height = self.browser.evaluate(&draw).await?.as_u64().context("a height")?;
        let shown = std::env::var("SCREENSHOTS").is_ok_and(|wanted| wanted == "docs");
        let file = if shown { "docs/images/card.png" } else { "target/screenshots/card.png" };
        self.browser.photograph(&workspace().join(file), height, 1.0).await?;
        self.browser.look_with(View::DESKTOP).await
    }
}
