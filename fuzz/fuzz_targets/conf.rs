//! Any text is read to the end, its findings have places and can be shown, and what is sound
//! reads back as it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_conf::{Includes, Limits, Options, RenderOptions, parse_str, to_json};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, text)) = input.split_first() else { return };
    let text = vrrp_conf::read_text(text, &Limits::default()).expect("it is short");
    let options = options(choice & 1 == 1);
    let loaded = parse_str("fuzz.conf", &text, &options);
    for found in loaded.diagnostics.iter().take(20) {
        let span = found.span.expect("every finding about a text has a place");
        assert!(loaded.sources.location(span).is_some(), "{found:?}");
    }
    let few = &loaded.diagnostics[..loaded.diagnostics.len().min(20)];
    let _ = vrrp_conf::render(few, &loaded.sources, RenderOptions::default());
    let _ = to_json(few, &loaded.sources);
    assert_eq!(loaded.config.is_none(), loaded.has_errors());
    // In lenient mode a model may be one that only leniency permits.
    if let (Some(config), false) = (&loaded.config, options.lenient) {
        let printed = config.to_conf();
        let again = parse_str("printed", &printed, &options);
        assert!(!again.has_errors(), "{}\n{printed}", again.render(RenderOptions::default()));
        assert_eq!(again.config.as_ref(), Some(config), "{printed}");
    }
});

fn options(lenient: bool) -> Options {
    Options {
        config_id: Some("main".to_owned()),
        lenient,
        read_only: true,
        includes: Includes::Refuse,
        limits: Limits { expansions: 10_000, expanded_bytes: 1 << 20, ..Limits::default() },
    }
}
