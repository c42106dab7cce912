//! Texts made to be hard: each is read to its end, or to a limit, with little work and memory.
//!
//! Something that grows with the square of such a text does not come to an end here; what is
//! asserted is how much was allocated, and how much is said.

use allocation_counter::measure;
use vrrp_conf::{Code, Limits, Options, RenderOptions, parse_str, to_json};

const SIZE: usize = 20_000;
/// Bytes in use at the same time, for each byte of text and beyond what a short one takes.
const BYTES_PER_BYTE: u64 = 400;
const SPARE_BYTES: u64 = 8 << 20;

/// Reads a text, and shows what is found.
fn read(name: &str, text: &str) -> Vec<Code> {
    let mut codes = Vec::new();
    let used = measure(|| {
        let options = Options::default();
        let loaded = parse_str("hard.conf", text, &options);
        assert!(loaded.diagnostics.len() <= options.limits.diagnostics, "{name}");
        let shown = loaded.render(RenderOptions::default()).len();
        let json = to_json(&loaded.diagnostics, &loaded.sources).len();
        assert!(shown.max(json) <= (1 << 20) + 10 * text.len(), "{name}: {shown} and {json} bytes");
        codes = loaded.diagnostics.iter().map(|found| found.code).collect();
    });
    let limit = SPARE_BYTES + BYTES_PER_BYTE * text.len() as u64;
    assert!(used.bytes_max <= limit, "{name}: {} bytes for {}", used.bytes_max, text.len());
    codes
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

fn in_instance(inside: &str) -> String {
    format!("vrrp_instance A {{\n interface eth0\n virtual_router_id 1\n{inside}}}\n")
}

fn in_block(block: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    in_instance(&format!(" {block} {{\n{} }}\n", lines(count, line)))
}

fn address(number: usize) -> String {
    let [_, _, _, _, _, a, b, c] = (number as u64).to_be_bytes();
    format!("10.{a}.{b}.{c}\n")
}

#[test]
fn stray_characters_are_reported_and_done_with() {
    for character in
        ["{", "}", "\"", "'", "\\", "$", "${", "${_ENV ", "~", "@", "!", "#", "\r", "é"]
    {
        for with in ["", " ", "\n", "a"] {
            let one = format!("{character}{with}");
            let text = one.repeat(SIZE / one.len());
            read(&format!("{one:?}"), &text);
            read(&format!("{one:?} in a block"), &in_instance(&text));
        }
    }
    for mixed in ["{}", "a{", "a}", "a{}", "{}\"'\\", "a {\n}", "x \\\n"] {
        read(mixed, &mixed.repeat(SIZE / mixed.len()));
    }
}

#[test]
fn many_mistakes_are_counted_and_some_are_shown() {
    let many = 5_000;
    let defined = lines(1000, |n| format!("vrrp_script d{n} {{\n script /bin/true\n}}\n"));
    let twice = |n| format!("vrrp_instance A {{\n interface eth{n}\n virtual_router_id 1\n}}\n");
    for (name, text, code) in [
        ("unknown", lines(many, |n| format!("foo{n} bar\n")), Code::UnknownKeyword),
        ("near", in_instance(&lines(many, |n| format!(" prioritty{n}\n"))), Code::UnknownKeyword),
        (
            "references",
            defined + &in_block("track_script", many, |n| format!("s{n}\n")),
            Code::UnknownReference,
        ),
        ("names", lines(many, twice), Code::DefinedTwice),
        (
            "keywords",
            in_instance(&lines(many, |n| format!(" priority {}\n", 1 + n % 2))),
            Code::Duplicate,
        ),
        ("one line", in_instance(&("prio{} ".repeat(many) + "\n")), Code::UnknownKeyword),
    ] {
        let codes = read(name, &text);
        assert_eq!(codes.len(), Limits::default().diagnostics, "{name}");
        assert!(codes.contains(&code), "{name}: {:?}", &codes[..4]);
    }
}

#[test]
fn long_lists_are_searched_for_what_is_there_twice() {
    let many = 10_000;
    for block in ["virtual_ipaddress_excluded", "unicast_peer"] {
        let codes = read(block, &in_block(block, many, address));
        assert!(!codes.contains(&Code::Duplicate), "{block}");
        let codes = read(block, &in_block(block, 200, |_| address(1)));
        assert_eq!(codes.iter().filter(|code| **code == Code::Duplicate).count(), 199, "{block}");
    }
    read("interfaces", &in_block("track_interface", many, |n| format!("e{n}\n")));
    let blocks = lines(many, |n| format!(" track_interface {{\n e{n}\n }}\n"));
    read("interfaces in blocks of their own", &in_instance(&blocks));
}

#[test]
fn long_words_and_lines_are_no_trouble() {
    let long = 1 << 19;
    read("word", &"a".repeat(long));
    read("words", &"a ".repeat(long / 2));
    read("words in a block", &in_instance(&("x ".repeat(long / 2) + "\n")));
    read("quoted", &in_instance(&format!(" notify_master \"{}\"\n", "x".repeat(long))));
    read("blank", &" ".repeat(long));
    read("lines", &"\n".repeat(long));
}

#[test]
fn nesting_is_bounded_whatever_the_limit() {
    let deep = |depth: usize| "a {\n".repeat(depth) + &"}\n".repeat(depth);
    assert_eq!(read("deep", &deep(50_000))[0], Code::TooDeep);
    let mut limits = Limits::default();
    limits.block_depth = usize::MAX;
    let loaded = parse_str("deep.conf", &deep(50_000), &Options::default().limits(limits));
    assert_eq!(loaded.diagnostics[0].code, Code::TooDeep);
}

/// Texts that stand for far more than they are.
#[test]
fn bombs_end_at_a_limit() {
    let doubling = |first: &str, mut next: Box<dyn FnMut(usize) -> String>| {
        let levels: String = (1..60).map(&mut *next).collect();
        format!("{first}{levels}${{A59}}\n")
    };
    let twice = |n: usize| format!("$A{n}=${{A{0}}}${{A{0}}}\n", n - 1);
    let lines = |n: usize| format!("$A{n}= \\\n${{A{0}}} \\\n${{A{0}}}\n\n", n - 1);
    let nest = "~SEQ(A,1,10000) ~SEQ(B,1,10000) ~SEQ(C,1,10000)";
    for (name, text) in [
        ("doubling", doubling("$A0=xxxxxxxx\n", Box::new(twice))),
        ("doubling nothing", doubling("$A0=\n", Box::new(twice))),
        ("doubling lines", doubling("$A0= \\\nx \\\ny\n\n", Box::new(lines))),
        ("a value of itself", "$A=${A}${A}\n$A\n".to_owned()),
        ("lines of themselves", "$A= \\\n$A \\\n$A\n\n$A\n".to_owned()),
        ("sequences", format!("{nest} x ${{A}} ${{B}} ${{C}}\n")),
        ("sequences of nothing", format!("{nest}\n")),
        ("a long sequence", "~SEQ(A,1,1000000000000) x\n".to_owned()),
        ("a sequence of other nodes' lines", "~SEQ(A,1,1000000000000) @nobody x\n".to_owned()),
        ("a sequence of definitions", "~SEQ(A,1,1000000000000) $B=${A}\n".to_owned()),
        ("lists", "~LST(A,1,2) ".repeat(60) + "x\n"),
    ] {
        let mut limits = Limits::default();
        limits.expansions = 50_000;
        limits.expanded_bytes = 1 << 20;
        let options = Options::default().limits(limits);
        let mut codes = Vec::new();
        let used = measure(|| {
            let loaded = parse_str("bomb.conf", &text, &options);
            codes = loaded.diagnostics.iter().map(|found| found.code).collect();
        });
        let is_limit =
            |code: &Code| matches!(code, Code::ExpansionTooLarge | Code::ExpansionTooDeep);
        assert!(codes.iter().any(is_limit), "{name}: {codes:?}");
        assert!(used.bytes_max < 48 << 20, "{name}: {} bytes", used.bytes_max);
    }
}

#[test]
fn files_that_include_each_other_end_at_a_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.conf");
    let code_of = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let loaded = vrrp_conf::load(&path, &Options::default()).unwrap();
        loaded.diagnostics.first().map(|found| found.code)
    };
    assert_eq!(code_of("include a.conf\n"), Some(Code::ExpansionTooDeep));
    assert_eq!(code_of(&"include a.conf\n".repeat(1000)), Some(Code::ExpansionTooDeep));
    assert_eq!(code_of(&format!("include {}\n", "{a,b}".repeat(60))), Some(Code::IncludeFailed));
    std::fs::write(directory.path().join("empty.conf"), "").unwrap();
    let code = code_of(&"include empty.conf\n".repeat(100_000));
    assert_eq!(code, Some(Code::ExpansionTooDeep), "more than the files that are allowed");
}

#[test]
fn reading_ends_where_there_are_too_many_findings() {
    let many = 15_000;
    let mut limits = Limits::default();
    limits.diagnostics = 10;
    for (name, text) in [
        ("warnings", "instance a\n".repeat(many)),
        ("variables", "$NAME\n".repeat(many)),
        ("unknown lines", "foo bar\n".repeat(many)),
        ("quotes", "foo \"\n".repeat(many)),
        ("braces", "}\nfoo\n".repeat(many)),
        ("blocks", "vrrp_instance A {\n interface eth0 eth1\n}\n".repeat(many)),
    ] {
        let options = Options::default().limits(limits);
        let loaded = parse_str("many.conf", &text, &options);
        assert!(loaded.config.is_none() && loaded.has_errors(), "{name}");
        let last = loaded.diagnostics.last().unwrap().notes.last().unwrap();
        let more: usize = last.split(' ').next().unwrap().parse().unwrap();
        let found = loaded.diagnostics.len() + more;
        assert!((10_000..10_100).contains(&found), "{name}: {found}");
        if name == "warnings" {
            let errors = loaded.diagnostics.iter().filter(|found| found.is_error());
            let codes: Vec<_> = errors.map(|found| found.code).collect();
            assert_eq!(codes, [Code::TooManyFindings], "{name}");
        }
    }
}

#[test]
fn a_block_that_is_too_large_is_not_read() {
    let mut limits = Limits::default();
    limits.block_bytes = 1000;
    let options = Options::default().limits(limits);
    let read = |text: &str| parse_str("large.conf", text, &options);
    let large = in_block("virtual_ipaddress", 100, address);
    let text = format!("vrrp_script unused {{\n script /bin/true\n}}\n{large}");
    let codes: Vec<_> = read(&text).diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::BlockTooLarge]);
    let many = lines(100, |n| in_instance("").replace(['A', '1'], &(n + 1).to_string()));
    assert!(read(&many).config.is_some());
}

#[test]
fn what_is_endless_or_keeps_its_reader_waiting_is_no_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let (pipe, large) = (directory.path().join("pipe"), directory.path().join("large"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    // No disk takes this much; nobody reads it either.
    std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    let mut refusals = Vec::new();
    let used = measure(|| {
        for path in [&pipe, &large, &"/dev/zero".into(), &directory.path().into()] {
            let refusal = vrrp_conf::load(path, &Options::default()).unwrap_err();
            refusals.push(refusal.to_string());
        }
    });
    let no_file = "not a regular file";
    assert_eq!(refusals, [no_file, "larger than 67108864 bytes", no_file, no_file]);
    assert!(used.bytes_max < 256 << 20, "{} bytes", used.bytes_max);
}
