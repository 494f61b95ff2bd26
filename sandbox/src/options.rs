//! The command line of the sandbox.
//!
//! The data file says what the accounts hold. The options say where to listen; they may also register a webhook, which could
//! otherwise be registered over the API, and replace the data file's quotas (0 means no limit).

use std::net::SocketAddr;
use std::path::PathBuf;

/// An Aircall account and a Sellsy account on one loopback address.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "sandbox", version)]
pub struct Options {
    /// Where to listen; port 0 takes a free port, which the first line on stdout names.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The data file: what the two accounts hold at the start.
    #[arg(long, default_value = "sandbox/data/account.toml")]
    pub data: PathBuf,
    /// Registers an Aircall webhook for all events at the start.
    #[arg(long, requires = "webhook_token")]
    pub webhook_url: Option<String>,
    /// The token that this webhook's deliveries carry.
    #[arg(long, requires = "webhook_url")]
    pub webhook_token: Option<String>,
    /// Sellsy requests allowed in any second; 0 means no limit.
    #[arg(long, value_name = "N")]
    pub sellsy_per_second: Option<u32>,
    /// Sellsy requests allowed in any minute; 0 means no limit.
    #[arg(long, value_name = "N")]
    pub sellsy_per_minute: Option<u32>,
    /// Sellsy requests allowed in any day; 0 means no limit.
    #[arg(long, value_name = "N")]
    pub sellsy_per_day: Option<u32>,
    /// Aircall requests allowed in any minute; 0 means no limit.
    #[arg(long, value_name = "N")]
    pub aircall_per_minute: Option<u32>,
}

impl Options {
    /// A sandbox on a free loopback port with the quotas of the data file.
    pub fn with_data(data: impl Into<PathBuf>) -> Options {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.into(),
            webhook_url: None,
            webhook_token: None,
            sellsy_per_second: None,
            sellsy_per_minute: None,
            sellsy_per_day: None,
            aircall_per_minute: None,
        }
    }
}
