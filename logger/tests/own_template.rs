//! The binary with an own template, as an operator meets it. Needs no services: a template is read before anything
//! else is tried.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

fn file(name: &str, text: &str) -> Result<PathBuf> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text)?;
    Ok(file)
}

fn logger(arguments: &[&str], template: Option<&Path>) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logger"));
    command.env_clear().args(arguments).env("SELLSY_CLIENT_ID", "a").env("SELLSY_CLIENT_SECRET", "b");
    // Should it start against all expectation, it finds nothing to work with.
    command.env("AMQP_URL", "amqp://127.0.0.1:1").env("DATABASE_URL", "postgres://127.0.0.1:1/none");
    command.env("HTTP_LISTEN", "127.0.0.1:0");
    if let Some(template) = template {
        command.env("LOG_TEMPLATE", template);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > Duration::from_secs(20) {
            child.kill()?;
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(child.wait_with_output()?)
}

#[test]
fn a_template_that_does_not_work_stops_the_worker_like_any_wrong_setting() -> Result<()> {
    let template = file("wrong.j2", "{{ call_id }}\n{% if tags %}\n{{ tagz }}\n{% endif %}\n")?;
    let output = logger(&[], Some(&template))?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "{errors}");
    let expected = format!("  - LOG_TEMPLATE is no template that works: {}, line 3: ", template.display());
    assert!(errors.contains(&expected) && errors.contains("`tagz` is undefined"), "{errors}");

    let gone = logger(&[], Some(Path::new("/nowhere/log.j2")))?;
    assert_eq!(gone.status.code(), Some(2));
    assert!(String::from_utf8(gone.stderr)?.contains("LOG_TEMPLATE is no template that works: /nowhere/log.j2"));
    Ok(())
}

#[test]
fn preview_shows_what_a_template_makes_or_what_is_wrong_with_it() -> Result<()> {
    let right =
        file("right.j2", "{{ 'Anrufer' if direction == 'inbound' else 'Angerufen' }}: {{ agent or 'niemand' }}\n")?;
    let output = logger(&["preview", "fr", &right.to_string_lossy()], None)?;
    let shown = String::from_utf8(output.stdout)?;
    assert!(output.status.success());
    assert!(shown.contains("Aircall call 3811600001\nAnrufer: Hugo Lefèvre\n"), "{shown}");
    assert!(shown.contains("Aircall call 3811600005\nAnrufer: niemand\n"), "{shown}");

    let shipped = logger(&["preview", "en"], None)?;
    assert!(String::from_utf8(shipped.stdout)?.contains("Inbound call, answered – Hugo Lefèvre"));

    let wrong = file("wrong_preview.j2", "{{ agent }\n")?;
    let output = logger(&["preview", "fr", &wrong.to_string_lossy()], None)?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr)?.contains("wrong_preview.j2, line 1: syntax error"));
    assert_eq!(logger(&["preview", "de"], None)?.status.code(), Some(2));
    Ok(())
}
