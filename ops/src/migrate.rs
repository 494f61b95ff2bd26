//! `callbridge migrate`: the tables of this version, for installations whose workers may not change tables.

use std::process::ExitCode;

use anyhow::Context;
use base::{
    db::{self, Database},
    say,
    settings::Settings,
};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge migrate --plan\n  DATABASE_URL=postgres://owner:...@db/callbridge callbridge migrate\n\n\
    Workers do the same at their start, if their role may. deploy/postgres/roles.sql has the rights of a role that may not.";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show what would be done, with the SQL, and change nothing
    #[arg(long)]
    plan: bool,
}

pub(crate) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let database = Database::unsupervised(&settings.database_url, 2)?;
    let client = database.connect().await.context("the database cannot be used; check DATABASE_URL")?;
    let missing = db::missing_migrations(&client).await?;
    if missing.is_empty() {
        say!("Nothing to do: all migrations of this version are applied.");
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.plan {
        for migration in &missing {
            say!("-- {migration}\n{}\n", migration.sql().unwrap_or_default().trim());
        }
        say!(
            "-- {} to apply. Without --plan they are applied, one after the other, each in a transaction.",
            missing.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    drop(client);
    for applied in database.migrate().await? {
        say!("Applied {applied}.");
    }
    Ok(ExitCode::SUCCESS)
}
