//! Checks configuration files: `cargo run -p vrrp-conf --example lint -- FILE…`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use vrrp_conf::{Options, RenderOptions, load};

fn main() -> ExitCode {
    let color = std::io::stdout().is_terminal();
    let mut exit = ExitCode::SUCCESS;
    for file in std::env::args().skip(1) {
        match load(Path::new(&file), &Options::default()) {
            Ok(loaded) => {
                print!("{}", loaded.render(RenderOptions::default().color(color)));
                if loaded.has_errors() {
                    exit = ExitCode::FAILURE;
                }
            }
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    exit
}
