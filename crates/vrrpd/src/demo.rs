//! `vrrpd demo`: a failover to watch, on one machine, without root and without configuration.
//!
//! Two hosts in namespaces ([`vrrp_lab`]) run this very program as their daemon. Nothing that is
//! printed is taken for granted: adverts and announcements are what a capture on the wire saw,
//! with the kernel's times; where the address is, is what each host's kernel says; and a wait
//! that ends without the event ends the demo.

mod narrator;
mod observer;
mod stage;
mod story;

use std::io;
use std::process::ExitCode;

use vrrp_lab::LabError;

use crate::cli::DemoArgs;
use crate::exit;

use self::narrator::{Narrator, lasting};
use self::stage::Stage;

/// The exit code when something did not happen.
const UNTOLD: u8 = 1;

/// Why the story was not told to its end.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("this machine does not let the demo make its two hosts.\n{0}")]
    Forbidden(#[source] LabError),
    #[error("the story did not come true: {0}")]
    Lab(#[from] LabError),
    #[error("the story did not come true: {what}\n{logs}")]
    Untrue { what: String, logs: String },
    #[error("cannot write the story: {0}")]
    Output(#[from] io::Error),
    #[error("cannot keep the logs in {}: {source}", path.display())]
    Logs { path: std::path::PathBuf, source: io::Error },
}

impl DemoError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Forbidden(_) => exit::UNAVAILABLE,
            Self::Logs { .. } => exit::USAGE,
            Self::Lab(_) | Self::Untrue { .. } | Self::Output(_) => UNTOLD,
        }
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    match perform(args) {
        Ok(()) => exit::OK,
        Err(error) => {
            eprintln!("vrrpd demo: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn perform(args: &DemoArgs) -> Result<(), DemoError> {
    let mut stage = Stage::build()?;
    let narrator = Narrator::new();
    let told = story::tell(&mut stage, &narrator);
    if let Some(directory) = &args.logs {
        stage
            .keep_logs(directory)
            .map_err(|source| DemoError::Logs { path: directory.clone(), source })?;
    }
    told?;
    stage.strike()?;
    let took = lasting(narrator.elapsed());
    Ok(narrator
        .say(&format!("\nThat took {took}. Both servers are gone, nothing is left of them."))?)
}
