//! An item that only one crate uses must be in that crate.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{self, File, Module, SHARED, WORKERS};

/// Modules that stay in a shared crate although only one other crate uses them, or none, and why.
const EXCEPTIONS: [(&str, &str, &str); 16] = [
    ("base", "said", "the table of sentences and the macro that makes one belong together"),
    ("ledger", "audit", "the ledger alone touches the table `audit`"),
    ("ledger", "calls", "the ledger alone touches the table `calls`, whichever worker asks"),
    ("ledger", "delays", "the ledger alone touches the table `delay_checks`"),
    ("ledger", "erase", "the ledger alone touches the table `calls`, whichever worker asks"),
    ("ledger", "filtered", "the ledger alone touches the table `filtered_calls`"),
    ("ledger", "followups", "the ledger alone touches the table `followups`"),
    ("ledger", "messages", "the ledger alone touches the table `messages`"),
    ("ledger", "missed", "the ledger alone touches the table `calls`, whichever worker asks"),
    ("ledger", "reconciliation", "the ledger alone touches the table `reconciliations`"),
    ("ledger", "reports", "the ledger alone touches the tables of reports"),
    ("ledger", "timeline", "the ledger alone touches the table `timeline`"),
    ("broker", "amqp::message", "headers are read where they are written"),
    ("vendors", "vendor", "the names and codes of an API are in one place"),
    ("vendors", "sent", "requests are noted, taken and put back in one place"),
    ("vendors", "budget::store", "the budget alone touches its tables"),
];

/// The index of the exception that covers this module.
fn exception(layer: &str, module: &Module) -> Option<usize> {
    let module = module.join("::");
    let under = |of: &str| module == of || module.strip_prefix(of).is_some_and(|rest| rest.starts_with("::"));
    EXCEPTIONS.iter().position(|(of, name, _)| *of == layer && under(name))
}

/// Public items of `layer` that it does not use itself and that at most one other crate uses.
fn strays(
    layer: &str,
    crates: &BTreeMap<&str, BTreeMap<Module, File>>,
) -> BTreeMap<(Module, String), BTreeSet<String>> {
    let files = &crates[layer];
    let mut strays = BTreeMap::new();
    for (module, file) in files {
        for item in &file.items {
            let count = |file: &File| file.names.get(item).copied().unwrap_or_default();
            let defined: usize = files.values().map(|f| f.items.iter().filter(|i| *i == item).count()).sum();
            let used_at_home = files.values().map(count).sum::<usize>() > defined;
            let others = crates.iter().filter(|(name, _)| **name != layer);
            let users: BTreeSet<String> = others
                .filter(|(_, files)| files.values().any(|file| count(file) > 0))
                .map(|(name, _)| (*name).to_owned())
                .collect();
            if !used_at_home && users.len() < 2 {
                strays.insert((module.clone(), item.clone()), users);
            }
        }
    }
    strays
}

#[test]
fn what_one_crate_uses_lives_in_that_crate() {
    let names = SHARED.iter().chain(&WORKERS).chain(&["ops"]);
    let crates: BTreeMap<&str, _> = names.map(|name| (*name, sources::of(name))).collect();
    let (mut needed, mut homeless) = (BTreeSet::new(), Vec::new());
    for layer in SHARED {
        for ((module, item), users) in strays(layer, &crates) {
            match exception(layer, &module) {
                Some(exception) => {
                    needed.insert(exception);
                }
                None => homeless.push(format!("{layer}::{}::{item}, used by {users:?}", module.join("::"))),
            }
        }
    }
    let homeless = homeless.join("\n");
    assert!(homeless.is_empty(), "move these to the one crate that uses them, or add an exception:\n{homeless}");
    let idle: Vec<_> = EXCEPTIONS.iter().enumerate().filter(|(n, _)| !needed.contains(n)).collect();
    assert!(idle.is_empty(), "nothing needs these exceptions: {idle:?}");
}

#[test]
fn a_stray_is_found() {
    let shared = "pub fn shared() {} pub fn stray() {} pub struct Own; fn f() { Own; }";
    let one = |text: &str| BTreeMap::from([(Vec::new(), sources::read(text))]);
    let crates = BTreeMap::from([
        ("base", one(shared)),
        ("ingest", one("use base::{shared, stray};")),
        ("logger", one("use base::shared;")),
    ]);
    let found: Vec<_> = strays("base", &crates).into_keys().map(|(_, item)| item).collect();
    assert_eq!(found, ["stray"]);
}
