use super::*;

fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
    of.iter()
        .map(|(name, value)| (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn each_wrong_password_blocks_longer_and_even_the_right_one_is_refused_meanwhile() {
    let sessions = Sessions::new(&"correct horse battery".into());
    let start = Instant::now();
    for n in 0..FREE_FAILURES {
        assert!(matches!(sessions.check_password("wrong", start), Verdict::Wrong), "failure {n}");
    }
    assert!(
        matches!(sessions.check_password("correct horse battery", start), Verdict::Wait(left) if left.as_secs() == 5)
    );
    let later = start + Duration::from_secs(6);
    assert!(matches!(sessions.check_password("wrong", later), Verdict::Wrong));
    assert!(matches!(sessions.check_password("wrong", later), Verdict::Wait(left) if left.as_secs() == 10));
    assert!(matches!(
        sessions.check_password("correct horse battery", later + Duration::from_secs(11)),
        Verdict::Right
    ));
    assert!(
        matches!(sessions.check_password("wrong", later + Duration::from_secs(11)), Verdict::Wrong),
        "counting starts again"
    );
}

#[test]
fn a_session_is_known_by_its_cookie_until_it_ends() {
    let sessions = Sessions::new(&"correct horse battery".into());
    let cookies: Vec<_> = (0..3).map(|_| sessions.begin()).collect();
    assert!(cookies.iter().all(|cookie| sessions.get(cookie).is_some()));
    assert_ne!(sessions.get(&cookies[0]).unwrap().csrf, sessions.get(&cookies[1]).unwrap().csrf);
    sessions.end(&cookies[0]);
    assert!(sessions.get(&cookies[0]).is_none() && sessions.get("").is_none());
    for _ in 0..2 * MAX_SESSIONS {
        sessions.begin();
    }
    assert_eq!(locked(&sessions.open).len(), MAX_SESSIONS);
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
