//! What a program prints for people and for scripts.
//!
//! `println!` panics when nobody reads any more: `callbridge call 3811600001 | head -1`. So everything is printed by [`say!`](crate::say),
//! [`tell!`](crate::tell) and the functions here. What is printed after the reader has gone is dropped, and the program does what it
//! was asked to do: a command that erases or sends does not stop half-way, and its exit code says how it went. Any other fault, such as a full
//! disk, is reported by [`end`].

use std::{
    fmt,
    io::{self, ErrorKind, Write},
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

/// Why the output could not be written, if it could not.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// A line of the answer, for whoever reads the standard output.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::out::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// A line beside the answer: what went wrong, what goes on.
#[macro_export]
macro_rules! tell {
    ($($text:tt)*) => { $crate::out::print_beside(format_args!("{}\n", format_args!($($text)*))) };
}

/// The same as [`say!`](crate::say) for a text that has its line breaks.
pub fn print(text: impl fmt::Display) {
    note(write!(io::stdout().lock(), "{text}"));
}

/// The same as [`tell!`](crate::tell) for a text that has its line breaks, or that is a question. If even that cannot be written, nobody can be told.
pub fn print_beside(text: impl fmt::Display) {
    let _ = write!(io::stderr().lock(), "{text}");
}

/// The exit code of the program called `name`: `code`, unless its output could not be written.
pub fn end(name: &str, code: ExitCode) -> ExitCode {
    note(io::stdout().lock().flush());
    match FAILED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        None => code,
        Some(problem) => {
            tell!("{name}: the output could not be written: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn note(written: io::Result<()>) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    *failed = failed.take().or(written.err().filter(|e| e.kind() != ErrorKind::BrokenPipe));
}
