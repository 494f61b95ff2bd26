//! The command line of the sandbox.
//!
//! What the account holds is in the data file; the options say where to listen, and may register the webhook that would
//! otherwise be registered over the API, and replace the data file's quotas (0 means no limit).

use std::net::SocketAddr;
use std::path::PathBuf;

/// An Aircall account and a Sellsy account on one loopback address.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "sandbox", version)]
pub struct Options {
    /// Where to listen; port 0 takes a free one, which the first line on stdout tells.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// What the two accounts hold at the start.
    #[arg(long, default_value = "sandbox/data/account.toml")]
    pub data: PathBuf,
    /// Registers an Aircall webhook for all events at the start.
    #[arg(long, requires = "webhook_token")]
    pub webhook_url: Option<String>,
    /// The token that this webhook's deliveries carry.
    #[arg(long, requires = "webhook_url")]
    pub webhook_token: Option<String>,
    /// Sellsy requests in any second.
    #[arg(long, value_name = "N")]
    pub sellsy_per_second: Option<u32>,
    /// Sellsy requests in any minute.
    #[arg(long, value_name = "N")]
    pub sellsy_per_minute: Option<u32>,
    /// Sellsy requests in any day.
    #[arg(long, value_name = "N")]
    pub sellsy_per_day: Option<u32>,
    /// Aircall requests in any minute.
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
