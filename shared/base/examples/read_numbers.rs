//! Reads numbers as the workers do, for a comparison with another reader: lines of `region TAB typed` on standard input,
//! on standard output the numbers found, or `-`. In `typed`, tab, line break and backslash are written `\t`, `\n`, `\\`.

use std::io::{self, BufRead, BufWriter, Write};

use base::phone::{self, Region};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut output = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (region, typed) = line.split_once('\t').ok_or("expected: region TAB typed")?;
        let numbers = phone::read(&unescaped(typed), region.parse::<Region>()?).unwrap_or_default();
        let numbers: Vec<&str> = numbers.iter().map(|found| found.number.as_str()).collect();
        writeln!(output, "{}", if numbers.is_empty() { "-".into() } else { numbers.join(" ") })?;
    }
    Ok(output.flush()?)
}

fn unescaped(typed: &str) -> String {
    let mut text = String::with_capacity(typed.len());
    let mut chars = typed.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                other => other.unwrap_or('\\'),
            },
            c => c,
        });
    }
    text
}
