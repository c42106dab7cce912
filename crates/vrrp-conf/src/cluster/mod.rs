//! The members of one cluster together: what no single file can show.
//!
//! ```
//! use vrrp_conf::{Options, cluster};
//!
//! let text = |vrid| format!(
//!     "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id {vrid}\n \
//!      virtual_ipaddress {{ 192.0.2.1 }}\n}}\n"
//! );
//! let (a, b) = (text(51), text(52));
//! let options = Options::default();
//! let cluster = cluster::parse(&[("a", &a, &options), ("b", &b, &options)]);
//! assert_eq!(cluster.diagnostics[0].code, vrrp_conf::Code::ClusterVrid);
//! ```
//!
//! First `matching` finds out which instances are one virtual router. Of each, `agreement`,
//! `addresses`, `routes` and `peers` report what has to be the same everywhere and is not, `rank` who is
//! not told from the others, and `failure` what the loss of a tracker would lead to.
//!
//! It does not simulate: `health` reduces each member to a priority and what can lower it,
//! and an election is a comparison of priorities.

mod addresses;
mod agreement;
mod failure;
mod health;
mod matching;
mod peers;
mod rank;
mod routes;
mod seat;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use seat::{Seat, VirtualRouter};

use crate::model::Config;
use crate::{Code, Diagnostic, Limits, Options, SourceMap, limit, read_into, read_text};

/// A member's configuration.
#[derive(Debug)]
pub struct Member {
    /// What findings call it: the name of its file, with the identifier of the `@` lines if
    /// another member has the same file.
    pub name: String,
    /// Its configuration. `None` if it has errors; that vrrpd does not do something yet is
    /// none here, since the members can be compared all the same.
    pub config: Option<Config>,
}

/// The configurations of all members.
#[derive(Debug)]
pub struct Cluster {
    /// The members, in the order given.
    pub members: Vec<Member>,
    /// The findings about each file, then those about the cluster.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts of all files.
    pub sources: SourceMap,
}

/// Reads the members' files, and checks each and all together.
///
/// # Errors
/// If a file cannot be read: its name and why.
pub fn load(files: &[(&Path, &Options)]) -> Result<Cluster, (String, io::Error)> {
    let mut texts = Vec::with_capacity(files.len());
    for (path, options) in files {
        let name = path.display().to_string();
        match File::open(path).and_then(|file| read_text(file, &options.limits)) {
            Ok(text) => texts.push((name, text, *options)),
            Err(error) => return Err((name, error)),
        }
    }
    let texts: Vec<_> =
        texts.iter().map(|(name, text, options)| (&**name, &**text, *options)).collect();
    Ok(parse(&texts))
}

/// Reads the members' texts, each with the name of its file, and checks each and all together.
pub fn parse(texts: &[(&str, &str, &Options)]) -> Cluster {
    let mut cluster =
        Cluster { members: Vec::new(), diagnostics: Vec::new(), sources: SourceMap::new() };
    for (name, text, options) in texts {
        let (config, found) = read_into(&mut cluster.sources, name, text, options);
        let is_complete =
            found.iter().all(|found| !found.is_error() || found.code == Code::NotSupportedYet);
        cluster.add(found);
        let shares_file = texts.iter().filter(|(other, ..)| other == name).count() > 1;
        let name = match &options.config_id {
            Some(id) if shares_file => format!("{name} as {id}"),
            _ => (*name).to_owned(),
        };
        cluster.members.push(Member { name, config: config.filter(|_| is_complete) });
    }
    // A member with errors would seem to lack what could not be read.
    if cluster.members.iter().all(|member| member.config.is_some()) {
        cluster.diagnostics.extend(check(&cluster.members));
    }
    cluster
}

impl Cluster {
    /// Adds the findings about one file, but for those about a file that another member has too.
    fn add(&mut self, found: Vec<Diagnostic>) {
        let key = |found: &Diagnostic| Some((found.code, self.sources.location(found.span?)?));
        let known: HashSet<_> = self.diagnostics.iter().filter_map(key).collect();
        let is_new = |found: &Diagnostic| key(found).is_none_or(|key| !known.contains(&key));
        let new: Vec<_> = found.into_iter().filter(is_new).collect();
        self.diagnostics.extend(new);
    }
}

/// Checks the members together. Their spans must be those of one source map, as [`load`] and
/// [`parse`] make them. A member alone is no cluster, and has no findings.
pub fn check(members: &[Member]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if members.len() < 2 {
        return found;
    }
    for router in matching::virtual_routers(members) {
        match router.seats.as_slice() {
            [alone] => found.push(report_alone(alone, members)),
            _ => check_router(&router, &mut found),
        }
    }
    // What a sync group tracks has to do with all of its instances, and is told once.
    let mut known = HashSet::new();
    found.retain(|found| {
        let others = found.labels.iter().map(|label| label.span);
        known.insert((found.code, found.span, others.collect::<Vec<_>>()))
    });
    limit(&mut found, Limits::default().diagnostics);
    found
}

fn check_router(router: &VirtualRouter<'_>, found: &mut Vec<Diagnostic>) {
    let seats = agreement::of_one_family(&router.seats, found);
    if seats.len() < 2 {
        return;
    }
    agreement::check(&seats, found);
    addresses::check(&seats, found);
    routes::check(&seats, found);
    peers::check(&seats, found);
    rank::check(&seats, found);
    failure::check(&seats, found);
}

fn report_alone(seat: &Seat<'_>, members: &[Member]) -> Diagnostic {
    let instance = seat.instance;
    let others = members.iter().filter(|member| member.name != seat.file);
    let others: Vec<_> = others.map(|member| &*member.name).collect();
    let message = format!("{seat} is a virtual router that no other member has");
    Diagnostic::new(Code::ClusterAlone, instance.name.span, message)
        .note(format!(
            "looked for its addresses, for VRID {} and for the name `{}` in {}",
            instance.vrid,
            instance.name,
            others.join(", ")
        ))
        .help("configure it on another member, so that somebody can take over")
}
