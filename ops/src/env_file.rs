//! `.env`: read as Docker Compose reads it, and changed without losing anything of it.
//!
//! A value is set where its line stands, else below the comment that shows its default, else at the end; all other lines stay as they
//! are. It is written beside and then put in place, readable by its owner alone, because keys are in it. What stands there already
//! is not written again.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// For the owner alone.
const MODE: u32 = 0o600;

pub(crate) struct EnvFile {
    path: PathBuf,
    /// What is on the disk; `None` if it is not there.
    before: Option<String>,
    lines: Vec<String>,
}

impl EnvFile {
    /// The file, or else what stands in `template` beside it, or nothing.
    pub(crate) fn read(path: &Path, template: &str) -> io::Result<Self> {
        let before = text_of(path)?;
        let text = match &before {
            Some(text) => text.clone(),
            None => text_of(&path.with_file_name(template))?.unwrap_or_default(),
        };
        Ok(Self { path: path.to_owned(), before, lines: text.lines().map(ToOwned::to_owned).collect() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it sets; of several lines with a name, the last counts.
    pub(crate) fn values(&self) -> BTreeMap<String, String> {
        self.lines.iter().filter_map(|line| value(line)).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// False if that is what it says already.
    pub(crate) fn set(&mut self, name: &str, to: &str) -> bool {
        if self.values().get(name).is_some_and(|is| is == to) {
            return false;
        }
        let line = format!("{name}={}", quoted(to));
        let is_of = |line: &String| value(line).is_some_and(|(of, _)| of == name);
        let shows = |line: &String| line.strip_prefix("# ").is_some_and(|rest| rest.starts_with(&format!("{name}=")));
        if let Some(at) = self.lines.iter().rposition(is_of) {
            self.lines[at] = line;
        } else if let Some(at) = self.lines.iter().rposition(shows) {
            self.lines.insert(at + 1, line);
        } else {
            self.lines.push(line);
        }
        true
    }

    /// Writes it, unless all of it stands there already. Returns whether it did.
    pub(crate) fn save(&mut self) -> io::Result<bool> {
        let text = self.lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        // One without a last line break is the same file.
        let is_there =
            self.before.as_ref().is_some_and(|before| before.trim_end_matches('\n') == text.trim_end_matches('\n'));
        if is_there {
            if fs::metadata(&self.path)?.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(&self.path, fs::Permissions::from_mode(MODE))?;
            }
            return Ok(false);
        }
        // Where it leads to, if it is a link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!("{name}.{}.new", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(MODE).open(&beside)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let placed = written.and_then(|()| fs::rename(&beside, &path));
        if placed.is_err() {
            let _ = fs::remove_file(&beside);
        }
        placed?;
        self.before = Some(text);
        Ok(true)
    }
}

fn text_of(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Name and value of a line, if it sets one.
fn value(line: &str) -> Option<(&str, String)> {
    let (name, rest) = line.trim_start().split_once('=')?;
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name, unquoted(rest.trim_start())))
}

fn unquoted(text: &str) -> String {
    match text.chars().next() {
        Some('\'') => text[1..].split('\'').next().unwrap_or_default().to_owned(),
        Some('"') => {
            let (mut value, mut rest) = (String::new(), text[1..].chars());
            while let Some(c) = rest.next().filter(|c| *c != '"') {
                match c {
                    '\\' => value.extend(rest.next()),
                    c => value.push(c),
                }
            }
            value
        }
        _ => {
            let end = text.find(" #").or_else(|| text.find("\t#")).unwrap_or(text.len());
            text[..end].trim_end().to_owned()
        }
    }
}

/// As Docker Compose and `scripts/run.sh` read it back, whatever characters it has.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,={}~".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    if !value.contains('\'') {
        return format!("'{value}'");
    }
    let escaped: String =
        value.chars().flat_map(|c| "\\\"$`".contains(c).then_some('\\').into_iter().chain([c])).collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> EnvFile {
        EnvFile { path: PathBuf::new(), before: None, lines: text.lines().map(ToOwned::to_owned).collect() }
    }

    #[test]
    fn a_line_is_read_as_docker_compose_reads_it() {
        for (line, expected) in [
            ("A=b", Some(("A", "b"))),
            ("  export A = b c  # of it", Some(("A", "b c"))),
            ("A=b#c", Some(("A", "b#c"))),
            ("A='b # $c' # of it", Some(("A", "b # $c"))),
            (r#"A="b \"c\" \\ \$d""#, Some(("A", r#"b "c" \ $d"#))),
            ("A=", Some(("A", ""))),
            ("# A=b", None),
            ("a sentence with a = in it", None),
            ("", None),
        ] {
            let expected = expected.map(|(name, value): (&str, &str)| (name, value.to_owned()));
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_set_is_read_back_whatever_it_is() {
        for text in ["plain", "", "a b", "/#%@", "$HOME", "it's", r#"'"\$`"#, "é ü", "a=b", " blank ", "# no comment"]
        {
            let mut file = file("X=1");
            assert!(file.set("A", text), "{text}");
            assert_eq!(file.values().get("A").map(String::as_str), Some(text), "{:?}", file.lines);
            assert!(!file.set("A", text), "{text}");
        }
    }

    #[test]
    fn a_value_is_set_in_its_place_and_the_rest_stays() {
        let mut file = file("# Says what A is.\n# A=default\n\nB=1\nODD LINE\nC='2' # of it\nB=3\n");
        for (name, value, changes) in [("A", "x", true), ("B", "4", true), ("C", "2", false), ("D", "5", true)] {
            assert_eq!(file.set(name, value), changes, "{name}");
        }
        let expected = "# Says what A is.\n# A=default\nA=x\n\nB=1\nODD LINE\nC='2' # of it\nB=4\nD=5";
        assert_eq!(file.lines.join("\n"), expected);
    }

    #[test]
    fn it_is_written_for_its_owner_alone_and_not_twice() {
        let folder = std::env::temp_dir().join(format!("callbridge-env-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join(".env");
        fs::write(folder.join(".env.example"), "# What it is.\nA=\n").unwrap();
        let mut file = EnvFile::read(&path, ".env.example").unwrap();
        file.set("A", "it's");
        assert!(file.save().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "# What it is.\nA=\"it's\"\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let mut again = EnvFile::read(&path, ".env.example").unwrap();
        assert!(!again.set("A", "it's") && !again.save().unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!again.save().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing is left beside it");
        fs::remove_dir_all(&folder).unwrap();
    }
}
