//! Questions at the terminal, and what happens without one: the answer must then be given by its flag or its variable.

use std::io::{IsTerminal, stderr, stdin};

use anyhow::Context;
use dialoguer::{Confirm, Input, Password, Select};

use crate::arguments::Wrong;

/// Where an answer can come from, beside the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) flag: &'static str,
    pub(crate) variable: &'static str,
}

impl Source {
    pub(crate) const fn new(flag: &'static str, variable: &'static str) -> Self {
        Self { flag, variable }
    }
}

pub(crate) struct Asker {
    is_terminal: bool,
    /// What is proposed is taken.
    takes_proposals: bool,
}

impl Asker {
    pub(crate) fn new(takes_proposals: bool) -> Self {
        Self { is_terminal: stdin().is_terminal() && stderr().is_terminal(), takes_proposals }
    }

    /// Whether another try makes sense.
    pub(crate) fn can_ask(&self) -> bool {
        self.is_terminal
    }

    fn no_answer(what: &str, source: Source) -> anyhow::Error {
        let Source { flag, variable } = source;
        Wrong(format!("{what} is missing, and there is no terminal to ask at: give it by {flag} or in {variable}"))
            .into()
    }

    pub(crate) fn text(&self, what: &str, source: Source, proposal: Option<&str>) -> anyhow::Result<String> {
        match proposal {
            Some(proposal) if self.takes_proposals || !self.is_terminal => return Ok(proposal.to_owned()),
            None if !self.is_terminal => return Err(Self::no_answer(what, source)),
            _ => {}
        }
        let input = Input::<String>::new().with_prompt(what);
        let input = match proposal {
            Some(proposal) => input.default(proposal.to_owned()),
            None => input,
        };
        Ok(input.interact_text().context("the answer could not be read")?.trim().to_owned())
    }

    /// What is typed is not shown.
    pub(crate) fn secret(&self, what: &str, source: Source) -> anyhow::Result<String> {
        if !self.is_terminal {
            return Err(Self::no_answer(what, source));
        }
        let typed = Password::new().with_prompt(what).interact().context("the answer could not be read")?;
        Ok(typed.trim().to_owned())
    }

    pub(crate) fn yes(&self, question: &str, proposal: bool) -> anyhow::Result<bool> {
        if !self.is_terminal || self.takes_proposals {
            return Ok(proposal);
        }
        let confirm = Confirm::new().with_prompt(question).default(proposal);
        confirm.interact().context("the answer could not be read")
    }

    /// The first is proposed.
    pub(crate) fn choose<'a, T>(&self, question: &str, choices: &'a [(String, T)]) -> anyhow::Result<Option<&'a T>> {
        let at = if !self.is_terminal || self.takes_proposals {
            0
        } else {
            let names: Vec<&str> = choices.iter().map(|(name, _)| name.as_str()).collect();
            let select = Select::new().with_prompt(question).items(&names).default(0);
            select.interact().context("the answer could not be read")?
        };
        Ok(choices.get(at).map(|(_, choice)| choice))
    }
}
