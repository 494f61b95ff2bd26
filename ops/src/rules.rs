//! `callbridge rules`: checks the file of rules, and tries it on the calls of the ledger.

mod check;
pub(crate) mod trial;

use clap::Subcommand;

pub(crate) use check::run as check;
pub(crate) use trial::run as try_out;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Checks a file of rules as a whole: each mistake with its line and what to do; needs no services
    #[command(after_help = "Examples:\n  callbridge rules check rules.toml\n  callbridge rules check --json\n\n\
                      Exit code 0 if there is no mistake, 1 if there is one, 2 if the file cannot be read. `callbridge check` compares what it names with the two accounts.")]
    Check(check::Arguments),
    /// Shows what would have been different with a file of rules, on the calls of the ledger; writes nothing and asks no API
    #[command(
        after_help = "Examples:\n  callbridge rules try --since 7d --rules rules.toml\n  callbridge rules try --since 2026-11-01 --json\n\n\
                      The file is compared with the rules in force (RULES). Without --rules, the rules in force are compared with none at all."
    )]
    Try(trial::Arguments),
}
