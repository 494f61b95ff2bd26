use super::*;

fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
    of.iter()
        .map(|(name, value)| (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn forms_of_other_sites_are_foreign() {
    for (of, foreign) in [
        (&[][..], false),
        (&[("sec-fetch-site", "same-origin")], false),
        (&[("sec-fetch-site", "same-site")], true),
        (&[("sec-fetch-site", "cross-site")], true),
        (&[("origin", "https://console.example"), ("host", "console.example")], false),
        (&[("origin", "https://evil.example"), ("host", "console.example")], true),
        (&[("origin", "null"), ("host", "console.example")], false),
    ] {
        assert_eq!(is_foreign(&headers(of)), foreign, "{of:?}");
    }
}

#[test]
fn the_language_is_that_of_the_cookie_or_else_the_first_accepted_one_that_we_have() {
    for (of, lang) in [
        (&[][..], Lang::English),
        (&[("accept-language", "fr-FR,fr;q=0.9,en;q=0.8")], Lang::French),
        (&[("accept-language", "de-DE,en;q=0.8,fr;q=0.5")], Lang::English),
        (&[("accept-language", "en"), ("cookie", "a=b; callbridge_lang=fr")], Lang::French),
    ] {
        assert_eq!(language(&headers(of)), lang, "{of:?}");
    }
}
