//! The reference that others are measured by.

use crate::command::Command;
use crate::error::LabError;
use crate::host::Host;
use crate::process::Process;

const CONFIG: &str = "/run/keepalived.conf";

impl Host {
    /// Starts the machine's keepalived with these instances and groups as its configuration, its
    /// VRRP part alone. It logs to its outputs.
    ///
    /// # Errors
    /// [`LabError`] if the configuration cannot be written, or there is no keepalived.
    pub fn spawn_keepalived(&self, config: &str) -> Result<Process, LabError> {
        self.write_file(CONFIG, format!("global_defs {{\n}}\n{config}"))?;
        let use_file = format!("--use-file={CONFIG}");
        self.spawn(Command::new("keepalived").args([
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--vrrp",
            &use_file,
            "--pid=/run/keepalived.pid",
            "--vrrp_pid=/run/keepalived-vrrp.pid",
        ]))
    }
}
