//! The command line: its subcommands, their arguments and their help.

use std::path::PathBuf;

use base::ids::CallId;
use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    arguments, audit, audit::Deed, backfill, calls, console, contracts, dead, explain, forget, messages, migrate,
    missed, pins, prospects, prove, ready, relink, reports, rules, setup, tokens, webhook,
};

/// Inspects and operates a Callbridge installation, which logs Aircall's phone calls on the right records in Sellsy
///
/// It uses the same broker and database as the workers and reads the same settings, those of `.env.example`: from the environment, and for
/// what that does not set, from the file `.env` in this folder, or from /etc/callbridge/callbridge.env if that is there. Exit codes: 0 when the answer was found or the work is done, 1 when there is
/// none or something went wrong, 2 for wrong arguments or settings.
#[derive(Parser)]
#[command(
    name = "callbridge",
    version,
    after_help = "Examples:\n  callbridge setup                       the first run: asks for the keys, and ends with the first logged call\n  \
                  callbridge check                       does everything work, and what to do if not\n  \
                  callbridge explain \"06 39 98 41 07\"    where a call from this number would be logged, and why\n  \
                  callbridge calls --since 7d            which calls there were, and what became of each\n  \
                  callbridge call 3811600001             what happened to this call\n  \
                  callbridge dead list                   which messages could not be handled, and why"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists what people and their programs did by hand: who, when, of what, with what result
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::Arguments),
    /// Finds calls of the last six months that no webhook brought, in Aircall's list, and has them logged
    #[command(after_help = backfill::EXAMPLES)]
    Backfill(backfill::Arguments),
    /// Shows the request budget of each API: limit, used, remaining, requests waiting, and whether sending is paused and why
    #[command(after_help = "Examples:\n  callbridge budget\n  watch callbridge budget")]
    Budget {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Shows what happened to a call: events, decisions, requests, writes
    #[command(
        after_help = "Examples:\n  callbridge call 3811600001\n  callbridge call 3811600001 --json | jq '.[].what'"
    )]
    Call {
        /// Aircall's id of the call, as the log in Sellsy shows it; or that of a conversation, as `callbridge messages` shows it
        #[arg(allow_negative_numbers = true, value_parser = arguments::story_id)]
        id: CallId,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Lists calls, newest first: who called, on which record, who answered, what became of it; as a table, CSV or JSON
    #[command(after_help = calls::EXAMPLES)]
    Calls(calls::Arguments),
    /// Serves the operator's web pages: overview, calls and why each was logged where it was, dead letters, directory
    #[command(after_help = console::ABOUT)]
    Console {
        /// Only print who may do what: method, path, role, and the name in the audit
        #[arg(long)]
        routes: bool,
    },
    /// Tests every connection for real: settings, broker, queues, database, both APIs, scopes, quotas, the webhook, clocks
    #[command(
        long_about = "Tests every connection for real and says how to fix each fault: settings, broker, exchanges and queues, database and \
                      migrations, the credentials of Aircall and Sellsy, Sellsy's scopes and quotas, the Aircall webhook and its events, clocks.\n\n\
                      It changes nothing. Exit code 0 if everything works or there are only warnings, otherwise 1.",
        after_help = "Examples:\n  callbridge check\n  callbridge check --json | jq '.findings[] | select(.state != \"ok\")'"
    )]
    Check {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Prints the completion script for a shell
    #[command(
        after_help = "Examples:\n  callbridge completions bash > ~/.local/share/bash-completion/completions/callbridge\n  \
                      callbridge completions zsh > \"${fpath[1]}/_callbridge\"\n  \
                      callbridge completions fish > ~/.config/fish/completions/callbridge.fish\n\nOpen a new shell to use it."
    )]
    Completions { shell: Shell },
    /// Prints what other programs may rely on: OpenAPI of the console and of the workers, AsyncAPI of the facts on the exchange
    #[command(after_help = contracts::EXAMPLES)]
    Contract(contracts::Arguments),
    /// Dead letters: list what could not be handled, replay it, or drop it
    #[command(
        subcommand,
        after_help = "Examples:\n  callbridge dead list\n  callbridge dead replay --code SELLSY_FORBIDDEN\n\ndocs/errors.md says what to do about each code."
    )]
    Dead(dead::Dead),
    /// The phone directory: how complete and fresh it is, and synchronising it now
    #[command(subcommand, after_help = "Examples:\n  callbridge directory status\n  callbridge directory sync")]
    Directory(Directory),
    /// Explains where a call is logged and why: candidates in order, the rule that chose, the opportunity
    #[command(
        long_about = "Explains where a call was logged and why, or where a call from a number would be logged: candidates in order, the rule that chose, \
                      the opportunity.\n\nFor a number, Sellsy is asked for opportunities if those that are known are older than OPPORTUNITIES_FRESH, and for the caller if the number is not in the directory.",
        after_help = "Examples:\n  callbridge explain 3811600001\n  callbridge explain \"+33 6 39 98 41 07\"\n  callbridge explain 0639984107"
    )]
    Explain {
        /// Aircall's id of a call, or a phone number with + or a leading 0
        #[arg(allow_hyphen_values = true, value_parser = explain::asked)]
        caller: explain::Asked,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Erases what is stored about a person, after asking; lists what stays in Sellsy
    #[command(after_help = forget::EXAMPLES)]
    Forget(forget::Arguments),
    /// Writes the manual pages, one for each subcommand, into a folder
    #[command(after_help = "Examples:\n  callbridge manual --to man1\n  man ./man1/callbridge-check.1")]
    Manual {
        /// The folder, which must be there
        #[arg(long)]
        to: PathBuf,
    },
    /// Lists conversations of text messages, and where they stand in Sellsy
    #[command(after_help = messages::EXAMPLES)]
    Messages(messages::Arguments),
    /// Creates and changes the tables that this version needs; for a role that may, if the workers' may not
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Arguments),
    /// Lists missed calls and what became of them: called back by whom after how long, or nobody yet
    #[command(after_help = missed::EXAMPLES)]
    Missed(missed::Arguments),
    /// Says which record a number means from now on, before the match rules
    #[command(after_help = pins::EXAMPLES)]
    Pin(pins::Arguments),
    /// Lists the numbers that are pinned to a record, by whom and since when
    #[command(after_help = "Examples:\n  callbridge pins\n  callbridge pins --json | jq '.[] | select(.is_gone)'")]
    Pins {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Lists prospects that were created for unknown callers, and deletes one again
    #[command(after_help = prospects::EXAMPLES)]
    Prospects(prospects::Arguments),
    /// Finds out on your own accounts what no document says, and keeps the answers for the workers
    #[command(after_help = prove::EXAMPLES)]
    Prove(prove::Arguments),
    /// Says whether a worker is ready, and if not why; exit code 0 or 1: for container health checks
    #[command(after_help = ready::EXAMPLES)]
    Ready {
        /// The address to ask, plain http [default: /readyz on HTTP_LISTEN of this machine]
        #[arg(value_parser = ready::address)]
        url: Option<String>,
    },
    /// Figures of calls by day, hour, line, team, agent, company, opportunity or topic; as a table, CSV or JSON
    #[command(after_help = reports::EXAMPLES)]
    Report(reports::Arguments),
    /// Moves a call to another record, where it stays
    #[command(after_help = relink::EXAMPLES)]
    Relink(relink::Arguments),
    /// The file of rules (RULES): checking it, and trying it on past calls
    #[command(
        subcommand,
        after_help = "Examples:\n  callbridge rules check rules.toml\n  callbridge rules try --since 7d --rules rules.toml\n\ndocs/rules.md explains each rule, deploy/rules.example.toml shows it."
    )]
    Rules(rules::Command),
    /// The first run: asks for the keys, tries them, writes `.env`, makes the webhooks, starts the workers, shows the first call
    #[command(after_help = setup::EXAMPLES)]
    Setup(Box<setup::Arguments>),
    /// Lists the tokens of programs that use the console's JSON, makes one, or makes one worthless
    #[command(after_help = tokens::EXAMPLES)]
    Tokens(tokens::Arguments),
    /// Lets the match rules find the record of a number again
    #[command(after_help = "Examples:\n  callbridge unpin \"+33 6 39 98 41 07\"")]
    Unpin {
        /// The phone number, with + or as dialled in DEFAULT_REGION
        #[arg(allow_hyphen_values = true)]
        number: String,
    },
    /// Webhooks: whether Aircall delivers all events that are needed; making, repairing and deleting those of Aircall and Sellsy
    #[command(
        subcommand,
        after_help = "Examples:\n  callbridge webhook status\n  callbridge webhook install --url https://calls.example.com/webhooks/aircall"
    )]
    Webhook(webhook::Command),
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Subcommand)]
pub(crate) enum Directory {
    /// Shows records and numbers by kind, when they were read, and what went wrong; exit code 1 until all are loaded
    #[command(after_help = "Examples:\n  callbridge directory status\n  callbridge directory status --json")]
    Status {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Lists the fields that have digits and no number, for the people who correct them in Sellsy; digits are masked
    #[command(after_help = "Examples:\n  callbridge directory unread\n  callbridge directory unread --json")]
    Unread {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Makes a resolver read the changes in Sellsy now, and waits until it has
    #[command(after_help = "Examples:\n  callbridge directory sync\n  callbridge directory sync --everything\n  \
                      callbridge directory sync --everything --accept-fewer\n  callbridge directory sync --json | jq .kinds")]
    Sync {
        /// Read every record again, not only the changed ones; this also finds deleted records
        #[arg(long)]
        everything: bool,
        /// Remove what Sellsy no longer lists, even if that is most of the directory; for this one reading
        #[arg(long, requires = "everything")]
        accept_fewer: bool,
        /// Print JSON for programs, as `callbridge directory status --json` does
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// What is written into the audit of it; `None` if it only looks.
    pub(crate) fn deed(&self) -> Option<Deed> {
        match self {
            Command::Backfill(arguments) => arguments.deed(),
            Command::Dead(command) => command.deed(),
            Command::Directory(Directory::Sync { everything, accept_fewer, .. }) => {
                let subject = serde_json::json!({ "everything": everything, "accept_fewer": accept_fewer });
                Some(Deed::of_account("directory_sync", subject))
            }
            Command::Forget(arguments) => arguments.deed(),
            Command::Pin(arguments) => Some(arguments.deed()),
            Command::Prospects(arguments) => arguments.deed(),
            Command::Prove(arguments) => arguments.deed(),
            Command::Relink(arguments) => Some(arguments.deed()),
            Command::Tokens(arguments) => arguments.deed(),
            Command::Unpin { number } => Some(pins::deed_of_unpinning(number)),
            Command::Webhook(command) => command.deed(),
            _ => None,
        }
    }
}
