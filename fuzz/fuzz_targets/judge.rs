//! What holds of every configuration, sound or not.

use std::sync::Arc;

use vrrp_conf::{Includes, Limits, Loaded, Options, RenderOptions, SourceMap, Span, parse_str};

/// Reads a text and asserts what must hold of the result; shows the findings, which takes longest,
/// if that is wanted.
pub fn judge(text: &str, lenient: bool, show: bool) {
    let options = options(lenient);
    let loaded = parse_str("fuzz.conf", text, &options);
    assert_eq!(loaded.config.is_none(), loaded.has_errors());
    findings_have_places_in_order(&loaded);
    if show {
        let text = loaded.render(RenderOptions::default());
        let json = vrrp_conf::to_json(&loaded.diagnostics, &loaded.sources);
        for found in &loaded.diagnostics {
            let code = found.code.to_string();
            assert!(text.contains(&code) && json.contains(&code), "{found:?}");
        }
    }
    let Some(config) = &loaded.config else { return };
    // In lenient mode a model may be one that only leniency permits.
    if lenient {
        return;
    }
    let printed = config.to_conf();
    let again = parse_str("printed", &printed, &options);
    assert!(!again.has_errors(), "{}\n{printed}", again.render(RenderOptions::default()));
    assert_eq!(again.config.as_ref(), Some(config), "{printed}");
    // Without a seed they come from the clock.
    if !text.contains("_RANDOM") {
        let lenient = parse_str("fuzz.conf", text, &self::options(true));
        assert_eq!(lenient.config.as_ref(), Some(config), "what is sound needs no leniency");
    }
}

fn findings_have_places_in_order(loaded: &Loaded) {
    let mut last = None;
    for found in &loaded.diagnostics {
        let span = found.span.expect("every finding about a text has a place");
        for span in found.labels.iter().map(|label| label.span).chain([span]) {
            is_a_place(span, &loaded.sources);
        }
        let at = loaded.sources.location(span).map(|at| (at.line, at.column));
        assert!(last <= at, "{found:?} comes after {last:?}");
        last = at;
    }
}

fn is_a_place(span: Span, sources: &SourceMap) {
    assert!(span.start <= span.end, "{span:?}");
    assert!(
        span.start == span.end || !sources.text(span).is_empty(),
        "{span:?} splits a character"
    );
    let at = sources.location(span).expect("the map knows it");
    assert_eq!(at.file, Arc::from("fuzz.conf"));
    for step in sources.expansions(span) {
        assert_eq!(step.used_at.file, at.file);
    }
}

/// Limits that are soon reached: what is beyond is more of the same.
fn options(lenient: bool) -> Options {
    let mut limits = Limits::default();
    limits.variable_depth = 8;
    limits.expansions = 100;
    limits.expanded_bytes = 16 << 10;
    limits.diagnostics = 16;
    let options = Options::default().config_id("main").includes(Includes::Refuse);
    options.lenient(lenient).read_only(true).limits(limits)
}
