//! The built binary: its one line on stdout, and its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::DATA;

#[test]
fn it_says_where_it_listens_and_ends_on_sigterm() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["--listen", "127.0.0.1:0", "--data", DATA])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let port = line.trim().strip_prefix("sandbox listening on http://127.0.0.1:").unwrap();
    assert!(port.parse::<u16>().unwrap() > 0);
    let killed = Command::new("kill").arg(program.id().to_string()).status().unwrap();
    assert!(killed.success());
    let signalled = Instant::now();
    assert!(program.wait().unwrap().success());
    assert!(signalled.elapsed() < Duration::from_secs(5));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_typo_in_the_data_file_is_an_error() {
    let file = std::env::temp_dir().join(format!("sandbox-account-{}.toml", std::process::id()));
    std::fs::write(&file, std::fs::read_to_string(DATA).unwrap().replace("client_secret", "client_sekret")).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_sandbox")).arg("--data").arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(!ended.status.success());
    assert!(String::from_utf8_lossy(&ended.stderr).contains("client_sekret"));
}
