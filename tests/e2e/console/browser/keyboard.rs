//! The console without a mouse.

use anyhow::{Context, Result, ensure};
use harness::{CONSOLE_PASSWORD, eventually};
use serde_json::Value;
use thirtyfour::{Key, TypingData};

use super::PageCheck;
use crate::{CLIENT, SOON};

/// Notes what the Tab key reaches, and whether one sees it there or on its row. Of radio buttons with one name, Tab reaches the chosen one and the
/// arrows the others. The bars of a chart are left out, if another link of the page leads to the same.
const WATCH: &str = r#"
    const isDouble = one => one.tabIndex < 0 && [...document.querySelectorAll('a[href]')]
        .some(other => other.tabIndex >= 0 && other.getAttribute('href') === one.getAttribute('href'));
    const visible = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary');
    window.wanted = [...visible].filter(one => !one.disabled && one.checkVisibility() && !isDouble(one)
        && (one.type !== 'radio' || one.checked));
    window.reached = new Set();
    window.unseen = new Set();
    document.addEventListener('focusin', event => {
        reached.add(event.target);
        const isSeen = one => one && getComputedStyle(one).outlineStyle !== 'none';
        if (!isSeen(event.target) && !isSeen(event.target.closest('li'))) unseen.add(event.target);
    });
    return wanted.length;"#;
/// What refreshes itself meanwhile is not there any more.
const FOUND: &str = r#"
    const told = (one, fault) => fault + ': ' + one.outerHTML.slice(0, 150);
    return wanted.filter(one => one.isConnected && !reached.has(one)).map(one => told(one, 'Tab does not reach it'))
        .concat([...unseen].map(one => told(one, 'one does not see that it has the focus')));"#;
const TAB: &str = "\u{e004}";
/// On no page one has to press Tab more often.
const FAR: usize = 300;

impl PageCheck {
    pub(super) async fn press(&self, keys: impl Into<TypingData>) -> Result<()> {
        Ok(self.browser.driver.action_chain().send_keys(keys).perform().await?)
    }

    pub(super) async fn focused(&self, property: &str) -> Result<Value> {
        self.browser.evaluate(&format!("return document.activeElement.{property}")).await
    }

    pub(super) async fn log_in_by_keyboard(&self) -> Result<()> {
        self.browser.open(&format!("{}/login?lang=en", self.console.url)).await?;
        self.browser.find("#password").await?;
        // The browser puts the cursor there a moment after the page has loaded.
        let ready = || async { (self.focused("id").await.ok()? == "password").then_some(()) };
        eventually(SOON, ready).await.context("one can type at once")?;
        self.press("not this one" + Key::Enter).await?;
        self.browser.says("Wrong password.").await?;
        eventually(SOON, ready).await.context("one can type again at once")?;
        self.press(CONSOLE_PASSWORD + Key::Enter).await?;
        self.browser.says("24 hours").await?;
        self.press(Key::Tab).await?;
        assert_eq!(self.focused("className").await?, "skip", "the first thing is to skip the navigation");
        self.press(Key::Enter).await?;
        assert_eq!(self.focused("id").await?, "main");
        Ok(())
    }

    /// From the first page to the call without a mouse: g c, /, its id, j, Enter, and ? says how.
    pub(super) async fn put_right_by_keyboard(&self, wrong: i64) -> Result<()> {
        self.browser.open(&format!("{}/?lang=en", self.console.url)).await?;
        self.press("?").await?;
        let is_shown = async || {
            let open = self.browser.evaluate("return document.getElementById('keys').open").await.ok()?;
            (open == true).then_some(())
        };
        eventually(SOON, is_shown).await.context("? shows what the keyboard does")?;
        self.press(Key::Enter).await?;
        self.press("g").await?;
        self.press("c").await?;
        self.browser.find("#q").await?;
        self.press("/").await?;
        ensure!(self.focused("id").await? == "q", "one can type at once");
        self.press(wrong.to_string() + Key::Enter).await?;
        self.browser.says("1 call").await?;
        self.press("j").await?;
        ensure!(self.focused("href").await?.as_str().is_some_and(|at| at.ends_with(&format!("/calls/{wrong}"))));
        self.press(Key::Enter).await?;
        self.browser.says("Why this record?").await?;
        Ok(())
    }

    /// What Tab alone does not reach on this page of all that can be clicked or filled in.
    pub(super) async fn reach_everything(&self, name: &str) -> Result<Vec<String>> {
        let wanted = self.browser.evaluate(WATCH).await?.as_u64().context("a number")?;
        // Twice around: it begins where the cursor is.
        self.press(TAB.repeat(2 * usize::try_from(wanted)? + 4)).await?;
        let faults: Vec<String> = serde_json::from_value(self.browser.evaluate(FOUND).await?)?;
        Ok(faults.into_iter().map(|fault| format!("{name}: {fault}")).collect())
    }

    /// Presses Tab until something is focused.
    async fn tab_to(&self, selector: &str) -> Result<()> {
        for _ in 0..FAR {
            self.press(Key::Tab).await?;
            let there = format!("return document.activeElement.matches({selector:?})");
            if self.browser.evaluate(&there).await? == true {
                return Ok(());
            }
        }
        anyhow::bail!("Tab does not lead to {selector}")
    }

    /// Pins a number and unpins it, checks the installation, tries rules, and asks what is kept about a person.
    pub(super) async fn act_by_keyboard(&self) -> Result<()> {
        let open = async |path: &str| self.browser.open(&format!("{}{path}?lang=en", self.console.url)).await;
        open("/pins").await?;
        self.tab_to("#number").await?;
        self.press(CLIENT).await?;
        self.tab_to("#to").await?;
        self.press("individual:2002" + Key::Enter).await?;
        self.browser.says("Individual 2002").await?;
        self.tab_to("form[action='/pins/remove'] button").await?;
        self.press(Key::Enter).await?;
        self.browser.says("No number is pinned").await?;

        open("/check").await?;
        self.tab_to("form[action='/check'] button").await?;
        self.press(Key::Enter).await?;
        self.browser.says("Everything works.").await?;

        open("/rules").await?;
        self.tab_to("#rules").await?;
        self.press("[calls]" + Key::Enter + "nonsense = 1").await?;
        self.tab_to("form[action='/rules'] button").await?;
        self.press(Key::Space).await?;
        self.browser.says("To correct (1)").await?;

        open("/forget").await?;
        self.tab_to("#number").await?;
        self.press(CLIENT + Key::Enter).await?;
        self.browser.says("What would be erased").await?;
        Ok(())
    }
}
