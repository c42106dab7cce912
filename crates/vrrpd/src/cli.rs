//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The configuration of keepalived, which the daemon takes over.
const DEFAULT_FILE: &str = "/etc/keepalived/keepalived.conf";
/// Where a running daemon keeps its lock and its socket.
pub(crate) const DEFAULT_RUN_DIR: &str = "/run/vrrpd";

/// A VRRP daemon for Linux that runs an existing keepalived.conf.
#[derive(Debug, Parser)]
#[command(name = "vrrpd", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  vrrpd check                              what `vrrpd run` would read
  vrrpd check node1.conf node2.conf        the two nodes of a cluster
  vrrpd check -i n1=vrrp.conf -i n2=vrrp.conf vrrp.conf
                                           one file with @n1 and @n2 lines, as both nodes
  vrrpd check --format json --stdin-name vrrp.conf -
                                           for an editor: the text comes from standard input
  vrrpd check --diff                       what --fix would change
  vrrpd check --explain E0201              what E0201 means, and how to mend it";

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
    /// Several files are the members of one cluster, one for each node: besides what is wrong with
    /// each, everything is reported in which they do not fit together.
    ///
    /// Exit status: 0 valid, warnings or not; 1 errors (with --fix and --diff, errors that are left);
    /// 2 wrong usage, or a file cannot be read or written; 3 with --system, the machine cannot be
    /// looked at.
    #[command(after_help = CHECK_EXAMPLES)]
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
    /// Tell why an instance is in its state: what its priority is made of, what would make it
    /// master or end that, what its peers do wrong, what happened last.
    ///
    /// Exit status: 0 answered, 2 wrong usage or no instance of that name, 3 no daemon answers there.
    Explain(ExplainArgs),
    /// Print how things stand, and then every event as it happens, with its number and its cause.
    ///
    /// A reader that is too slow is told which events it missed; the last 1,024 are kept.
    ///
    /// Exit status: 0 nobody reads the output any more, 2 wrong usage, 3 no daemon answers there, or
    /// it has ended.
    Events(EventsArgs),
    /// Let the running daemon read its configuration anew, and wait until it is in force: all of
    /// it, or nothing.
    ///
    /// Instances that stay do not resign, and an address that stays is not touched.
    ///
    /// Exit status: 0 in force, or with --dry-run could be; 1 refused, the configuration before it
    /// is in force; 2 wrong usage; 3 no daemon answers there.
    Reload(ReloadArgs),
    /// Replace the running daemon's program by another one, such as a new version, in the same process:
    /// a master stays master, no address is touched, and nobody on the network notices.
    ///
    /// The other program reads the configuration first. If it cannot, or could not go on, everything
    /// stays as it is. Only root may ask for it.
    ///
    /// Exit status: 0 upgraded; 1 refused, the program before runs on; 2 wrong usage; 3 no daemon
    /// answers there.
    Upgrade(UpgradeArgs),
    /// Hand the addresses over to other nodes and stay away, until `vrrpd undrain`: for work on this
    /// machine.
    ///
    /// A master resigns, so that the next best node has the addresses within its skew time; the state
    /// is FAULT, with `drained` as the reason. A sync group goes as a whole. It lasts over reloads, and
    /// ends with the daemon.
    ///
    /// Exit status: 0 drained, and with --wait another node was heard to be master; 1 with --wait,
    /// nobody was; 2 wrong usage or no instance or group of that name; 3 no daemon answers there.
    Drain(DrainArgs),
    /// Let drained instances take part again.
    ///
    /// Exit status: 0 done, 2 wrong usage or no instance or group of that name, 3 no daemon answers
    /// there.
    Undrain(UndrainArgs),
    /// Remove the addresses of a daemon that was killed together with its guard, as when a service
    /// manager kills all of a service: for a unit's `ExecStopPost=`.
    ///
    /// Exit status: 0 nothing is left of it, 2 wrong usage, 3 a daemon runs there, or something could
    /// not be removed.
    Release(ReleaseArgs),
    /// Watch a failover: two daemons, two network namespaces, no root needed.
    ///
    /// Exit status: 0 the story ended as told, 1 something did not happen, 2 wrong usage, 3 this
    /// machine forbids what it needs.
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration file.
    #[arg(short = 'f', long = "file", default_value = DEFAULT_FILE)]
    pub(crate) file: PathBuf,
    /// The identifier that selects the `@identifier` lines of the configuration [default: the
    /// node name up to its first dot].
    #[arg(short = 'i', long, value_name = "ID")]
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
    /// Only say whether this program could go on from another one.
    #[arg(long, hide = true)]
    pub(crate) probe: bool,
    /// Go on from the program before, which has left there how everything stood.
    #[arg(long, hide = true, value_name = "DESCRIPTOR", require_equals = true)]
    pub(crate) resume: Option<std::os::fd::RawFd>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file, or `-` for standard input; several are the members of one cluster.
    #[arg(value_name = "FILE", default_value = DEFAULT_FILE)]
    pub(crate) files: Vec<PathBuf>,
    /// The identifier that selects the `@identifier` lines: `ID` for all files, or `ID=FILE` for
    /// one of them; a file with several is several members [default: the node name up to its first
    /// dot].
    #[arg(short = 'i', long, value_name = "ID[=FILE]")]
    pub(crate) config_id: Vec<String>,
    /// Judge as `vrrpd run --lenient` would.
    #[arg(long)]
    pub(crate) lenient: bool,
    /// Write the files anew, with what keepalived understands of them in correct words. Comments and
    /// white space stay; what has no meaning, or two, is left and reported.
    #[arg(long)]
    pub(crate) fix: bool,
    /// Show what `--fix` would change, and write nothing.
    #[arg(long, conflicts_with = "system")]
    pub(crate) diff: bool,
    /// Look at this machine too: whether the interfaces, the programs and their users exist.
    #[arg(long)]
    pub(crate) system: bool,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// What findings call standard input; includes are relative to its directory.
    #[arg(long, value_name = "NAME")]
    pub(crate) stdin_name: Option<String>,
    /// Explain a finding's code (`E0201`), or list `all`, instead of checking a file.
    #[arg(long, value_name = "CODE", conflicts_with = "files")]
    pub(crate) explain: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file, or `-` for standard input.
    #[arg(short = 'f', long = "file", default_value = DEFAULT_FILE)]
    pub(crate) file: PathBuf,
    /// The identifier that selects the `@identifier` lines of the configuration [default: the
    /// node name up to its first dot].
    #[arg(short = 'i', long, value_name = "ID")]
    pub(crate) config_id: Option<String>,
    /// Judge as `vrrpd run --lenient` would.
    #[arg(long)]
    pub(crate) lenient: bool,
    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print passwords and keys too, instead of `********`.
    #[arg(long)]
    pub(crate) secrets: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, to standard error: the source line with a caret under the word.
    Text,
    /// For programs, to standard output: an array of findings.
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
pub(crate) struct ExplainArgs {
    /// The instance; all of them if it is left out.
    pub(crate) instance: Option<String>,
    /// The run directory of the daemon to ask.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Print a line of JSON for each.
    #[arg(long)]
    pub(crate) json: bool,
    /// Begin behind the event of this number, as far as events are kept.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) since: Option<u64>,
    /// The run directory of the daemon to ask.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    /// Only tell what would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print what became of it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The run directory of the daemon to ask.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The program [default: the file that the daemon was started from, as it is now].
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,
    /// Print what became of it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The run directory of the daemon to ask.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    pub(crate) what: UndrainArgs,
    /// Wait until another node is heard to be master of all of them, at most so long.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
          default_missing_value = "30")]
    pub(crate) wait: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct UndrainArgs {
    /// An instance, with all members of its sync group, or a sync group; all instances if it is left
    /// out.
    #[arg(value_name = "INSTANCE|GROUP")]
    pub(crate) name: Option<String>,
    /// Print what became of it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The run directory of the daemon to ask.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// The run directory that the daemon had.
    #[arg(long, default_value = DEFAULT_RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the two daemons' logs in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) logs: Option<PathBuf>,
}
