use std::path::PathBuf;

use super::*;

struct File(PathBuf);

impl File {
    fn with(text: impl AsRef<[u8]>) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("callbridge-template-{}-{number}.j2", std::process::id()));
        fs::write(&file, text).unwrap();
        Self(file)
    }

    fn problem(&self) -> String {
        let problem = Template::own(&self.0, Language::French).unwrap_err();
        problem.strip_prefix(&*self.0.to_string_lossy()).unwrap().to_owned()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_wrong_with_a_template_is_reported_with_its_line() {
    for (template, line, words) in [
        ("{{ agent }\n", 1, "syntax error"),
        ("a\n\n{% if tags %}\n", 3, "syntax error"),
        ("a\n{% endfor %}", 2, "syntax error"),
        ("a\n{{ agentt }}", 2, "no such variable or field: `agentt` is undefined"),
        ("a\n\n{{ tags | shout }}", 3, "unknown filter: filter shout is unknown"),
        ("a\n{% if tags is loud %}{% endif %}", 2, "unknown test"),
        ("a\n{{ today() }}", 2, "unknown function"),
        ("a\n{% for note in notes %}\n{{ note.autor }}\n{% endfor %}", 3, "no such variable or field"),
        ("a\n{% include 'other.j2' %}", 2, "template not found"),
        ("a\n{{ call_id + tags }}", 2, "invalid operation"),
        // In a branch that no example takes.
        ("a\n{% if direction == 'sideways' %}\n{{ agentt }}\n{% endif %}", 3, "there is no variable `agentt`"),
    ] {
        let problem = File::with(template).problem();
        assert!(problem.starts_with(&format!(", line {line}: ")) && problem.contains(words), "{template:?}: {problem}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_reported() {
    let gone = Template::own(Path::new("/nowhere/log.j2"), Language::French).unwrap_err();
    assert!(gone.starts_with("/nowhere/log.j2 cannot be read: "), "{gone}");
    assert!(File::with([0x41, 0xff]).problem().starts_with(" cannot be read: "));
}

#[test]
fn what_a_template_may_do() {
    let (call, insights) = examples().map(|mut all| all.remove(0)).map(|e| (e.call, e.insights)).unwrap();
    let context = describe::context(&call, &insights, &crate::style(Language::English));
    for (template, expected) in [
        ("", ""),
        ("{{ agent }}", "Hugo Lefèvre"),
        ("\u{feff}{{ agent }}", "Hugo Lefèvre"),
        ("{% for tag in tags %}\n{{ loop.index }}. {{ tag | upper }}\n{% endfor %}", "1. DEVIS\n2. VIP\n"),
        ("{% macro bold(x) %}*{{ x }}*{% endmacro %}{{ bold(agent) }}", "*Hugo Lefèvre*"),
        ("{% set ns = namespace(n=0) %}{% for t in tags %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "2"),
        ("{{ voicemail is none }} {{ voicemail or '–' }}", "True –"),
        ("{# tagz #}{{ notes | map(attribute='author') | select | join }}", "Hugo Lefèvre"),
        ("<b>{{ line }}</b>", "<b>Accueil Paris (+33 1 99 00 10 01)</b>"),
    ] {
        let file = File::with(template);
        let own = Template::own(&file.0, Language::English).unwrap();
        assert_eq!(own.render(&context).unwrap(), expected, "{template}");
    }
}

#[test]
fn a_failure_at_a_call_tells_the_line_and_no_text_of_a_person() {
    let file = File::with("a\n{% if agent == 'Nadia' %}\n{{ agent | int }}\n{% endif %}");
    let own = Template::own(&file.0, Language::French).unwrap();
    let call = serde_json::from_str(r#"{"id": 1, "user": {"id": 1, "name": "Nadia"}}"#).unwrap();
    let e = own.render(&describe::context(&call, &Insights::new(), &crate::style(Language::French))).unwrap_err();
    assert_eq!(e.code, Code::LogTemplate);
    assert_eq!(e.message, "the template of the log fails, line 3: invalid operation");
}

#[test]
fn the_shipped_templates_pass_the_check_of_own_ones() {
    for language in [Language::French, Language::English] {
        let source = if language == Language::French { FRENCH } else { ENGLISH };
        Template::shipped(language).unwrap().check(source, &examples().unwrap(), language).unwrap();
    }
}
