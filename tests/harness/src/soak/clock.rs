//! A wrong clock for one process: a library of ten lines of C, loaded into it by the dynamic linker.
//!
//! In C because a function that takes the place of one of the system's cannot be written in Rust without `unsafe`. The C
//! compiler is there wherever Rust links programs.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokio::sync::OnceCell;

use crate::workspace;

static LIBRARY: OnceCell<String> = OnceCell::const_new();

/// The variables that give a program a clock which is this many seconds ahead, or behind if that is negative.
pub(super) async fn shifted_by(seconds: i64) -> Result<[(String, String); 2]> {
    let built = || async { tokio::task::spawn_blocking(build).await? };
    let library = LIBRARY.get_or_try_init(built).await?;
    Ok([("LD_PRELOAD".into(), library.clone()), ("CLOCK_SHIFT_S".into(), seconds.to_string())])
}

fn build() -> Result<String> {
    let source = workspace().join("tests/harness/src/soak/clock.c");
    let folder = workspace().join("target/clock");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    // Another soak may be using the library: it is replaced as a whole.
    let (library, new) = (folder.join("clock.so"), folder.join(format!("clock-{}.so", std::process::id())));
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&new).arg(&source);
    ensure!(compile.status().context("cc")?.success(), "{} could not be compiled", source.display());
    std::fs::rename(&new, &library)?;
    Ok(library.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[tokio::test]
    async fn only_the_time_of_day_is_shifted() {
        for seconds in [30, -30] {
            let mut date = Command::new("date");
            let output = date.arg("+%s").envs(shifted_by(seconds).await.unwrap()).output().unwrap();
            let shown: i64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().cast_signed();
            assert!((now + seconds - shown).abs() <= 5, "{shown} at {now}");
        }
    }
}
