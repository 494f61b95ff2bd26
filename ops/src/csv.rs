//! Tables for spreadsheets: CSV as RFC 4180 has it.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@` or a control character for a formula, and what people and strangers have typed is
//! in these cells. Such a cell gets an apostrophe in front, which makes it a text everywhere.

/// One line, with its line break.
pub(crate) fn line<C: AsRef<str>>(cells: impl IntoIterator<Item = C>) -> String {
    let cells: Vec<_> = cells.into_iter().map(|text| cell(text.as_ref())).collect();
    format!("{}\r\n", cells.join(","))
}

fn cell(text: &str) -> String {
    // The last four are what East Asian keyboards write for the first four.
    let is_formula =
        text.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_has_to_be_and_never_a_formula() {
        for (text, expected) in [
            ("", ""),
            ("Camille Moreau", "Camille Moreau"),
            ("Fabre, Louise", "\"Fabre, Louise\""),
            ("dit « \"Le Grand\" »", "\"dit « \"\"Le Grand\"\" »\""),
            ("two\nlines", "\"two\nlines\""),
            ("+33639984107", "'+33639984107"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r\n=1", "\"'\r\n=1\""),
            ("＝1+1", "'＝1+1"),
            ("  =1", "'  =1"),
            ("a=1", "a=1"),
            ("1-2", "1-2"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_ends_as_the_standard_wants() {
        assert_eq!(line(["a", "b,c", ""]), "a,\"b,c\",\r\n");
    }
}
