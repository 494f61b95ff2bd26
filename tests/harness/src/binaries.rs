//! The built binaries, brought up to date once per process, so that no test runs against a stale one.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use tokio::sync::OnceCell;

/// What runs in production, and what stands for the two vendors.
const PROGRAMS: [&str; 7] = ["ingest", "resolver", "logger", "insights", "followups", "callbridge", "sandbox"];

static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Where one of our programs is, for a test that starts it in a way of its own.
pub async fn program(name: &str) -> anyhow::Result<PathBuf> {
    Ok(folder().await?.join(name))
}

/// The folder with the workers' binaries: the one this program was built into.
pub(crate) async fn folder() -> anyhow::Result<&'static Path> {
    FOLDER.get_or_try_init(|| built(&PROGRAMS)).await.map(PathBuf::as_path)
}

/// The program that starts RabbitMQ and PostgreSQL in containers. What it is built from is a lot, and not needed otherwise.
pub(crate) async fn containers() -> anyhow::Result<PathBuf> {
    Ok(built(&["containers"]).await?.join("containers"))
}

async fn built(programs: &'static [&'static str]) -> anyhow::Result<PathBuf> {
    tokio::task::spawn_blocking(|| build(programs)).await?
}

fn build(programs: &[&str]) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("this program's path")?;
    let mut folder = this.parent().context("this program's folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("the folder of binaries")?;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // The whole workspace: for one package alone, cargo would choose other features and build the dependencies again.
    build.args(["build", "--quiet", "--workspace"]).current_dir(workspace());
    build.args(programs.iter().flat_map(|program| ["--bin", program]));
    // The variables that cargo sets for a test would look like a change to build scripts that watch them.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            build.env_remove(name.as_ref());
        }
    }
    if folder.ends_with("release") {
        build.arg("--release");
    }
    ensure!(build.status().context("cargo build")?.success(), "the binaries could not be built");
    Ok(folder.to_owned())
}
