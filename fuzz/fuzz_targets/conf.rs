//! Any text is read to the end, its findings have places and can be shown, and what is sound
//! reads back as it is printed.
#![no_main]

mod judge;

use libfuzzer_sys::fuzz_target;
use vrrp_conf::{Limits, read_text};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, text)) = input.split_first() else { return };
    let text = read_text(text, &Limits::default()).expect("it is short");
    judge::judge(&text, choice & 1 == 1, choice & 0b110 == 0);
});
