//! `vrrpd check --fix` and `--diff`: what a file says, in the words that keepalived understands.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use vrrp_conf::cluster::Cluster;
use vrrp_conf::{Diagnostic, FixedFile};

use super::rendered;
use crate::exit;

/// What is behind the name of a file that is being written.
const UNFINISHED: &str = ".vrrpd-fix";

/// Shows what would change, and what would be left.
pub(super) fn show(cluster: &Cluster) -> ExitCode {
    let fixed = vrrp_conf::fix(&cluster.diagnostics, &cluster.sources);
    let left: Vec<Diagnostic> =
        cluster.diagnostics.iter().filter(|found| found.fix.is_none()).cloned().collect();
    eprint!("{}", rendered(&left, &cluster.sources));
    for file in fixed {
        exit::print(format_args!("{}", file.to_string().trim_end_matches('\n')));
    }
    match left.iter().any(Diagnostic::is_error) {
        true => ExitCode::from(exit::CONFIG),
        false => exit::OK,
    }
}

/// Writes the files that change.
///
/// # Errors
/// The file that could not be written, and why. Those before it are.
pub(super) fn write(cluster: &Cluster) -> Result<(), (String, io::Error)> {
    for file in vrrp_conf::fix(&cluster.diagnostics, &cluster.sources) {
        replace(&file).map_err(|error| (file.name.to_string(), error))?;
        let plural = if file.changes == 1 { "" } else { "s" };
        eprintln!("{}: {} change{plural} written", file.name, file.changes);
    }
    Ok(())
}

/// Puts the mended text in the place of a file, all of it or nothing. Where a link leads to counts.
fn replace(fixed: &FixedFile) -> io::Result<()> {
    let path = fs::canonicalize(Path::new(&*fixed.name))?;
    if fs::read(&path)? != fixed.before() {
        return Err(io::Error::other("it has changed since it was read"));
    }
    let found = path.metadata()?;
    let mut unfinished = path.clone().into_os_string();
    unfinished.push(UNFINISHED);
    let unfinished = PathBuf::from(unfinished);
    let written =
        write_new(&unfinished, fixed, &found).and_then(|()| fs::rename(&unfinished, &path));
    if written.is_err() {
        // That it is there is less than that the file could not be written.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Writes a file with the owner and the permissions of another one: it may have passwords.
fn write_new(path: &Path, fixed: &FixedFile, like: &fs::Metadata) -> io::Result<()> {
    // What was left by one that was interrupted.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = File::create_new(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    std::os::unix::fs::fchown(&file, Some(like.uid()), Some(like.gid()))?;
    file.set_permissions(like.permissions())?;
    file.write_all(&fixed.text())?;
    file.sync_all()
}
