//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where a running daemon keeps its lock and its socket.
pub(crate) const DEFAULT_RUN_DIR: &str = "/run/vrrpd";

/// A VRRP daemon for Linux that runs an existing keepalived.conf.
#[derive(Debug, Parser)]
#[command(name = "vrrpd", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon in the foreground, logging to standard error.
    ///
    /// Exit status: 0 after SIGTERM or SIGINT; 1 the configuration has errors, nothing was
    /// started; 2 wrong usage, or the file cannot be read; 3 the daemon cannot run here (another
    /// one holds the run directory, a privilege is missing, the kernel refused).
    Run(RunArgs),
    /// Check configuration files without touching the machine.
    ///
    /// Several files are the members of one cluster, one for each node.
    ///
    /// Exit status: 0 valid, 1 errors, 2 wrong usage or a file cannot be read.
    Check(CheckArgs),
    /// Print the configuration that is in effect: includes and variables resolved, every default
    /// filled in.
    ///
    /// Exit status: 0 printed, 1 the configuration has errors, 2 wrong usage or unreadable file.
    Config(ConfigArgs),
    /// Ask the running daemon who is master, and why.
    ///
    /// Exit status: 0 answered, 2 wrong usage, 3 no daemon answers there.
    Status(StatusArgs),
    /// Watch a failover: two daemons, two network namespaces, no root needed.
    ///
    /// Exit status: 0 the story ended as told, 1 something did not happen, 2 wrong usage, 3 this
    /// machine forbids what it needs.
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration file.
    #[arg(short = 'f', long = "file", default_value = "/etc/keepalived/keepalived.conf")]
    pub(crate) file: PathBuf,
    /// The identifier that selects the `@identifier` lines of the configuration [default: the
    /// node name up to its first dot].
    #[arg(short = 'i', long)]
    pub(crate) config_id: Option<String>,
    /// The directory for the lock and the status socket.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
    /// Take a configuration as keepalived would: what it tolerates is logged, not refused.
    #[arg(long)]
    pub(crate) lenient: bool,
    /// How long to wait at the end for the notify programs that are still running, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) stop_timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file; several are the members of one cluster, and are checked together.
    #[arg(required_unless_present = "explain")]
    pub(crate) files: Vec<PathBuf>,
    /// The identifier that selects the `@identifier` lines: `ID` for all files, or `ID=FILE` for
    /// one of them [default: the node name up to its first dot].
    #[arg(short = 'i', long, value_name = "ID[=FILE]")]
    pub(crate) config_id: Vec<String>,
    /// Judge as `vrrpd run --lenient` would.
    #[arg(long)]
    pub(crate) lenient: bool,
    /// Look at this machine too: whether the interfaces and the programs exist.
    #[arg(long)]
    pub(crate) system: bool,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Explain a diagnostic's code (`E0201`), instead of checking a file.
    #[arg(long, value_name = "CODE", conflicts_with = "files")]
    pub(crate) explain: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file.
    #[arg(short = 'f', long = "file", default_value = "/etc/keepalived/keepalived.conf")]
    pub(crate) file: PathBuf,
    /// The identifier that selects the `@identifier` lines of the configuration [default: the
    /// node name up to its first dot].
    #[arg(short = 'i', long)]
    pub(crate) config_id: Option<String>,
    /// Judge as `vrrpd run --lenient` would.
    #[arg(long)]
    pub(crate) lenient: bool,
    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: the source line with a caret under the word.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print everything, as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The run directory of the daemon to ask.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the two daemons' logs in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) logs: Option<PathBuf>,
}
