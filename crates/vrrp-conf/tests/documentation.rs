//! Every diagnostic explains itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[test]
fn every_code_explains_itself() {
    for code in vrrp_conf::Code::ALL {
        assert_eq!(code.as_str().parse(), Ok(*code));
        assert_eq!(code.as_str().to_lowercase().parse(), Ok(*code));
        assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code}");
        let paragraphs: Vec<_> = code.explanation().split("\n\n").collect();
        assert!(paragraphs.len() >= 2, "{code} says what it means and how to mend it");
    }
}

#[test]
fn a_code_that_is_none_leads_to_the_one_that_was_meant() {
    let told = |text: &str| text.parse::<vrrp_conf::Code>().unwrap_err();
    assert_eq!(told("E201").nearest(), Some(vrrp_conf::Code::UnknownKeyword));
    assert_eq!(told("w0201").nearest(), Some(vrrp_conf::Code::UnknownKeyword));
    assert_eq!(told("W9999").nearest(), None);
    let text = told("E201").to_string();
    assert_eq!(text, "`E201` is not the code of any diagnostic: did you mean `E0201`?");
}
