use super::*;
use crate::render;

const CALL: CallId = CallId(5);

fn ours(lines: &str) -> String {
    render::description(CALL, lines)
}

#[test]
fn a_text_is_taken_apart() {
    let ours = ours("Appel entrant");
    let (block, end) = ours.rsplit_once('\n').unwrap();
    let block = format!("{block}\n");
    for (text, before, in_block, after) in [
        (ours.clone(), "", block.as_str(), ""),
        (format!("Client pressé.\n\n{ours}\nDevis envoyé."), "Client pressé.\n\n", &block, "\nDevis envoyé."),
        // In the line of the marker, and of the end line.
        (format!("Pressé : {ours} vu avec Paul"), "Pressé : ", &block, " vu avec Paul"),
        // A log of an older version, or one whose end a person has deleted.
        (format!("Oui\n{block}Devis"), "Oui\n", &format!("{block}Devis"), ""),
        // Its marker was deleted.
        (format!("Appel entrant\n{end}\nDevis"), "", "Appel entrant\n", "\nDevis"),
        // Both were.
        ("Devis envoyé.".to_owned(), "", "Devis envoyé.", ""),
        // Another call is not this one.
        (format!("Suite de Aircall call 55\n{ours}"), "Suite de Aircall call 55\n", &block, ""),
        // The seal of the end line is damaged.
        (ours.replace(" (", "  "), "", &ours.replace(" (", "  "), ""),
        // Line breaks have become blanks.
        (format!("Oui {}", ours.replace('\n', " ")), "Oui ", &block.replace('\n', " "), ""),
    ] {
        let parts = parts(&text, CALL);
        assert_eq!((parts.before, parts.block, parts.after), (before, in_block, after), "{text:?}");
        assert_eq!(parts.is_lost, text == "Devis envoyé.", "{text:?}");
    }
}

#[test]
fn what_a_person_has_written_inside_is_found() {
    let left = ours("Appel entrant, répondu\nTags : devis\nNote :\n  Rappeler Paul.");
    let block = |text: &str| parts(text, CALL).block.to_owned();
    let now = ours("Appel entrant, répondu\nTags : devis, urgent\nNote :\n  Rappeler Paul.");
    let lines = |lines: &[&str]| Inside::Lines(lines.iter().map(|line| (*line).to_owned()).collect());
    for (stands, expected) in [
        (left.clone(), Inside::Ours),
        // Blanks and line breaks say nothing.
        (left.replace('\n', " "), Inside::Ours),
        (left.replace("Tags", "\n\nTags"), Inside::Ours),
        // A person has taken something away: it comes again, because the block is ours.
        (left.replace("Tags : devis\n", ""), Inside::Ours),
        (left.replace("Tags :", "Vu avec Paul.\nTags :"), lines(&["Vu avec Paul."])),
        (left.replace("\nEnd of", "\nDevis 12.\nEnvoyé.\nEnd of"), lines(&["Devis 12.", "Envoyé."])),
        (left.replace("Rappeler Paul.", "Rappeler Paul lundi."), lines(&["Rappeler Paul lundi."])),
        // Behind the marker, in its line.
        (left.replace("call 5\n", "call 5 IMPORTANT\n"), lines(&["IMPORTANT"])),
        // The end line is gone, or its seal; a text below it is a person's.
        (left.split("\nEnd of").next().unwrap().to_owned() + "\nDevis 12.", lines(&["Devis 12."])),
        (left.replace("call 5 (", "call 5 ") + "\nDevis 12.", lines(&["Devis 12."])),
        // The marker is gone.
        (left.replace("Aircall call 5\nAppel", "Devis 12.\nAppel"), lines(&["Devis 12."])),
        // Words, where there are no lines.
        (left.replace('\n', " ").replace("Tags :", "vu avec Paul Tags :"), lines(&["vu avec Paul"])),
        // Emptied, with or without the frame, or replaced.
        (String::new(), Inside::Emptied),
        ("Devis 12.".into(), Inside::Emptied),
        (format!("Aircall call 5\n{}", left.rsplit_once('\n').unwrap().1), Inside::Emptied),
        ("Aircall call 5\nSans intérêt.".into(), Inside::Emptied),
    ] {
        let parts = parts(&stands, CALL);
        assert_eq!(inside(&parts, Some(&block(&left)), &now, CALL), expected, "{stands:?}");
    }
}

#[test]
fn a_block_that_the_ledger_does_not_know_is_known_by_its_seal() {
    let (older, now) = (ours("Appel\nTags : devis"), ours("Appel\nTags : devis, urgent"));
    for (stands, expected) in [
        (older.clone(), Inside::Ours),
        (older.replace('\n', ""), Inside::Ours),
        (now.clone(), Inside::Ours),
        // A person has written in it: what is not in the new text is kept, ours too.
        (older.replace("Appel\n", "Appel\nVu.\n"), Inside::Lines(vec!["Vu.".into(), "Tags : devis".into()])),
        // Of an older version, without an end line.
        ("Aircall call 5\nAppel\nTags : devis".into(), Inside::Lines(vec!["Tags : devis".into()])),
        // The language of logs has changed: that is no reason to think that a person has emptied it.
        ("Aircall call 5\nInbound call".into(), Inside::Lines(vec!["Inbound call".into()])),
        ("Aircall call 5".into(), Inside::Emptied),
    ] {
        assert_eq!(inside(&parts(&stands, CALL), None, &now, CALL), expected, "{stands:?}");
    }
    // The ledger was set back, and knows an older text than the one that stands there.
    let oldest = ours("Appel");
    assert_eq!(inside(&parts(&older, CALL), Some(parts(&oldest, CALL).block), &now, CALL), Inside::Ours);
}

#[test]
fn html_is_undone_where_sellsy_makes_it() {
    let log = ours("Appel de « Léa »\nR&D");
    let whole = format!("a < b\n{log}\nDevis <p>");
    for (given, as_sent, expected) in [
        (whole.clone(), Some(true), whole.as_str()),
        (whole.clone(), None, whole.as_str()),
        (format!("Oui<br>{}", log.replace('\n', "<br>")), Some(true), &format!("Oui\n{log}")),
        (log.replace('\n', "<br />\n").replace('&', "&amp;"), Some(false), &log),
        (format!("<p>{}</p>", log.replace('\n', "</p><p>")), None, &format!("{log}\n")),
        (log.replace('é', "&eacute;").replace(' ', "&nbsp;"), Some(false), &log),
        (log.replace('é', "&#233;"), None, &log),
        // Made by an editor, when a person has saved the text.
        (
            format!("<div><b>Oui</b></div><div>{}</div>", log.replace('\n', "<br/>")),
            Some(true),
            &format!("Oui\n{log}\n"),
        ),
    ] {
        assert_eq!(plain(&given, as_sent, CALL), expected, "{given:?}");
    }
}

#[test]
fn no_line_of_ours_reads_as_an_end_line() {
    let log = ours("Note :\n  voir End of Aircall call 5 (0123ab)\nTags : a");
    assert!(log.contains("voir End of “Aircall call” 5 (0123ab)"), "{log}");
    let parts = parts(&log, CALL);
    assert!(parts.is_sealed() && parts.block.contains("Tags"), "{log}");
}

#[test]
fn the_block_is_what_fits_its_seal() {
    // A note that quotes an end line over two lines, and a person who names the call above.
    let log = ours("Note :\n  End of\n  Aircall call 5 (0123ab)\nTags : a");
    let named = format!("Voir Aircall call 5 : rappeler.\n{log}\nDevis 12.");
    for text in [&log, &named] {
        let parts = parts(text, CALL);
        assert!(parts.is_sealed() && parts.block.contains("Tags : a"), "{text}");
    }
    assert_eq!(parts(&named, CALL).before, "Voir Aircall call 5 : rappeler.\n");
    assert_eq!(parts(&named, CALL).after, "\nDevis 12.");
}

#[test]
fn what_a_page_of_sellsy_makes_of_a_text_is_undone_without_a_loss() {
    let log = ours("Appel d'Élodie");
    let entities = format!("L&#039;an\n{}", log.replace('\'', "&#039;"));
    assert_eq!(plain(&entities, Some(true), CALL), format!("L'an\n{log}"));
    let page = format!(
        "<p>Voir <a href=\"https://drive.example/x\">devis</a>, budget <dix mille</p>\r\n{}",
        log.replace('\n', "<br />\r\n")
    );
    let text = plain(&page, Some(true), CALL);
    assert!(text.contains("https://drive.example/x") && text.contains("<dix mille"), "{text}");
    assert_eq!(text.matches('\n').count(), 1 + log.matches('\n').count(), "{text:?}");
}
