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

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use vrrp_proto::{Family, Priority, Version, Vrid};

use crate::model::{Authentication, Config, Destination, Instance, Track, Unicast, Weight};
use crate::{Code, Diagnostic, Options, SourceMap, Span, expand, parse_into};

/// A member's configuration.
#[derive(Debug)]
pub struct Member {
    /// The name of its file.
    pub name: String,
    /// Its configuration; `None` if it has errors.
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
        let text = File::open(path)
            .and_then(|file| expand::read_limited(file, options.limits.expanded_bytes));
        match text {
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
        let (config, found) = parse_into(&mut cluster.sources, name, text, options);
        cluster.diagnostics.extend(found);
        cluster.members.push(Member { name: (*name).to_owned(), config });
    }
    // A member with errors would seem to lack what could not be read.
    if cluster.members.iter().all(|member| member.config.is_some()) {
        cluster.diagnostics.extend(check(&cluster.members));
    }
    cluster
}

/// Checks the members together. Their spans must be those of one source map, as [`load`] and
/// [`parse`] make them.
pub fn check(members: &[Member]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for router in routers(members) {
        router.check(members.len(), &mut diagnostics);
    }
    diagnostics
}

/// An instance and the member that it is of.
#[derive(Clone, Copy)]
struct Seat<'c> {
    member: &'c Member,
    config: &'c Config,
    instance: &'c Instance,
}

/// A virtual router, and who takes part in it.
struct VirtualRouter<'c> {
    seats: Vec<Seat<'c>>,
}

/// The virtual routers of a cluster: instances of different members that are evidently one.
fn routers(members: &[Member]) -> Vec<VirtualRouter<'_>> {
    let mut routers: Vec<VirtualRouter<'_>> = Vec::new();
    // Which routers may be the same, so that thousands need not all be compared.
    let mut by_feature: HashMap<Feature<'_>, Vec<usize>> = HashMap::new();
    for member in members {
        let Some(config) = &member.config else { continue };
        for instance in &config.instances {
            let seat = Seat { member, config, instance };
            let features = features(instance);
            let known = features.iter().filter_map(|feature| by_feature.get(feature));
            let candidates: BTreeSet<usize> = known.flatten().copied().collect();
            let free = candidates.into_iter().filter(|&at| routers[at].is_free_for(member));
            // What has the same addresses is more evidently the same than what has a name.
            let best = free.max_by_key(|&at| routers[at].likeness(instance));
            if let Some(at) = best.filter(|&at| routers[at].likeness(instance) > 0) {
                routers[at].seats.push(seat);
                continue;
            }
            for feature in features {
                by_feature.entry(feature).or_default().push(routers.len());
            }
            routers.push(VirtualRouter { seats: vec![seat] });
        }
    }
    routers
}

/// Something that the instances of one virtual router may have in common.
#[derive(PartialEq, Eq, Hash)]
enum Feature<'c> {
    Address(IpAddr),
    VridAndName(Vrid, &'c str),
    VridAndInterface(Vrid, &'c str),
    NameAndInterface(&'c str, &'c str),
}

fn features(instance: &Instance) -> Vec<Feature<'_>> {
    let (vrid, name, interface) =
        (instance.vrid.value, &**instance.name, instance.interface.as_str());
    let addresses = instance.addresses.iter().map(|address| Feature::Address(address.address));
    let others = [
        Feature::VridAndName(vrid, name),
        Feature::VridAndInterface(vrid, interface),
        Feature::NameAndInterface(name, interface),
    ];
    addresses.chain(others).collect()
}

fn addresses(instance: &Instance) -> BTreeSet<IpAddr> {
    instance.addresses.iter().map(|address| address.address).collect()
}

impl<'c> VirtualRouter<'c> {
    fn is_free_for(&self, member: &Member) -> bool {
        !self.seats.iter().any(|seat| core::ptr::eq(seat.member, member))
    }

    /// How much an instance looks like this virtual router; 0 if it is another one.
    fn likeness(&self, other: &Instance) -> u8 {
        let Some(seat) = self.seats.first() else { return 0 };
        let own = seat.instance;
        if own.family != other.family {
            return 0;
        }
        let same_vrid = own.vrid == other.vrid;
        let same_name = own.name == other.name;
        let same_interface = own.interface == other.interface;
        if addresses(own).intersection(&addresses(other)).next().is_some() {
            return 4 + u8::from(same_vrid) + u8::from(same_name);
        }
        match (same_vrid, same_name, same_interface) {
            (true, true, _) => 3,
            (true, false, true) => 2,
            (false, true, true) => 1,
            _ => 0,
        }
    }

    fn check(&self, member_count: usize, diagnostics: &mut Vec<Diagnostic>) {
        let Some((first, others)) = self.seats.split_first() else { return };
        if others.is_empty() && member_count > 1 {
            let name = &first.instance.name;
            let message = format!("no other member has the virtual router of `{name}`");
            diagnostics.push(Diagnostic::new(Code::ClusterAlone, name.span, message));
            return;
        }
        for other in others {
            let pair = Pair { first: *first, other: *other };
            diagnostics.extend(pair.protocol_findings());
        }
        for (index, other) in others.iter().enumerate() {
            for earlier in &self.seats[..=index] {
                let pair = Pair { first: *earlier, other: *other };
                diagnostics.extend(pair.priority_finding());
                diagnostics.extend(pair.unicast_findings());
            }
        }
        diagnostics.extend(self.weight_finding());
        diagnostics.extend(self.nopreempt_findings());
        diagnostics.extend(self.shared_fault());
    }

    /// The highest priority's trackers, if they never bring it below the next one.
    fn weight_finding(&self) -> Option<Diagnostic> {
        let mut ranked: Vec<_> = self.seats.iter().map(|seat| (Range::of(seat), seat)).collect();
        ranked.sort_by_key(|(range, _)| core::cmp::Reverse(range.healthy));
        let [(top, seat), (next, next_seat), ..] = ranked.as_slice() else { return None };
        // A file can hold any number.
        let counts_files = !seat.instance.tracks.files.is_empty();
        if counts_files || top.healthy == top.failed || top.failed < next.healthy {
            return None;
        }
        let weighted = weighted(seat).find(|(_, weight)| weight.value != 0)?;
        let (name, other) = (&seat.instance.name, &next_seat.instance.name);
        let message = format!(
            "`{name}` keeps priority {} with all weighted trackers failed, and `{other}` of {} \
             has {}",
            top.failed, next_seat.member.name, next.healthy
        );
        let finding = Diagnostic::new(Code::ClusterWeight, weighted.0, message)
            .also(next_seat.instance.priority.span, "the next one's priority")
            .also(seat.instance.priority.span, "the highest priority")
            .help("make the weights larger than the difference");
        Some(finding)
    }

    /// Members that never take over from one whose weights count.
    fn nopreempt_findings(&self) -> Vec<Diagnostic> {
        let holds_back = |seat: &&Seat<'_>| !*seat.instance.preempt.enabled;
        let finding = |seat: &Seat<'c>| {
            let others = self.seats.iter();
            let mut others = others.filter(|other| !core::ptr::eq(other.instance, seat.instance));
            let (other, (at, _)) = others.find_map(|other| {
                weighted(other).find(|(_, weight)| weight.value != 0).map(|found| (other, found))
            })?;
            let (name, other_name) = (&seat.instance.name, &other.member.name);
            let message = format!("`{name}` does not take over when a weight falls");
            let finding = Diagnostic::new(Code::ClusterNopreempt, name.span, message)
                .also(at, format!("this weight on {other_name} changes nothing while it is master"))
                .help("use weight 0, or `preempt_delay` instead of `nopreempt`");
            Some(finding)
        };
        self.seats.iter().filter(holds_back).filter_map(finding).collect()
    }

    /// A remote host that all members need.
    fn shared_fault(&self) -> Option<Diagnostic> {
        let (first, others) = self.seats.split_first()?;
        let (host, at) = remote_checks(first).into_iter().find(|(host, _)| {
            !others.is_empty() && others.iter().all(|other| find_check(other, *host).is_some())
        })?;
        let message = format!("when {host} fails, all members are in FAULT");
        let mut finding = Diagnostic::new(Code::ClusterSharedFault, at, message)
            .help("give the check a weight, so that the best member stays master");
        for other in others {
            finding = finding.also(find_check(other, host)?, "the same check, without a weight");
        }
        Some(finding)
    }
}

fn find_check(seat: &Seat<'_>, host: IpAddr) -> Option<Span> {
    remote_checks(seat).into_iter().find(|(other, _)| *other == host).map(|(_, at)| at)
}

/// The hosts that scripts of weight 0 name as arguments.
fn remote_checks(seat: &Seat<'_>) -> Vec<(IpAddr, Span)> {
    let fatal = seat.instance.tracks.scripts.iter().filter(|track| track.weight.value.value == 0);
    let hosts = fatal.flat_map(|track| {
        let script = seat.config.scripts.get(&track.target.value);
        let words = script.map_or(&[][..], |script| script.command.arguments());
        let remote = |host: &IpAddr| !host.is_loopback();
        let hosts = words.iter().filter_map(|word| word.parse().ok()).filter(remote);
        hosts.map(|host| (host, track.target.span)).collect::<Vec<_>>()
    });
    hosts.collect()
}

/// The weights of an instance, without those of files, and where they are used.
fn weighted<'c>(seat: &Seat<'c>) -> impl Iterator<Item = (Span, Weight)> + use<'c> {
    fn of<T>(track: &Track<T>) -> (Span, Weight) {
        (track.target.span, *track.weight)
    }
    let tracks = &seat.instance.tracks;
    let named = [&tracks.scripts, &tracks.processes, &tracks.bfd_sessions];
    named.into_iter().flatten().map(of).chain(tracks.interfaces.iter().map(of))
}

/// The effective priorities of an instance with nothing, and with everything, failed.
struct Range {
    healthy: u8,
    failed: u8,
}

impl Range {
    fn of(seat: &Seat<'_>) -> Self {
        let base = i32::from(seat.instance.priority.get());
        let sum =
            |up: bool| weighted(seat).map(|(_, weight)| contribution(weight, up)).sum::<i32>();
        let effective = |sum: i32| match seat.instance.priority.is_owner() {
            true => Priority::OWNER.get(),
            false => (base + sum).clamp(1, 254) as u8,
        };
        let (up, down) = (effective(sum(true)), effective(sum(false)));
        Self { healthy: up, failed: down }
    }
}

/// What a weight adds: a positive one while up, a negative one while down.
fn contribution(weight: Weight, up: bool) -> i32 {
    let counts = if weight.value > 0 { up } else { !up };
    match (counts, weight.reverse) {
        (false, _) => 0,
        (true, false) => weight.value,
        (true, true) => -weight.value,
    }
}

/// One virtual router on two members.
struct Pair<'c> {
    first: Seat<'c>,
    other: Seat<'c>,
}

impl Pair<'_> {
    /// A difference between the two, with both places.
    fn differ(
        &self,
        code: Code,
        what: &str,
        at: impl Fn(&Instance) -> (Span, String),
    ) -> Option<Diagnostic> {
        let (first_at, first) = at(self.first.instance);
        let (other_at, other) = at(self.other.instance);
        if first == other {
            return None;
        }
        let name = &self.other.instance.name;
        let message = format!("`{name}` has another {what} than on {}", self.first.member.name);
        let finding = Diagnostic::new(code, other_at, message)
            .label(format!("{what} {other}"))
            .also(first_at, format!("{what} {first}"));
        Some(finding)
    }

    /// Everything that both must have the same.
    fn protocol_findings(&self) -> Vec<Diagnostic> {
        let (first, other) = (self.first.instance, self.other.instance);
        let vrid = self.differ(Code::ClusterVrid, "VRID", |instance| {
            (instance.vrid.span, instance.vrid.to_string())
        });
        let version = self.differ(Code::ClusterVersion, "version", |instance| {
            (instance.version.span, instance.version.to_string())
        });
        let interval_code = match first.version.value {
            Version::V2 => Code::ClusterInterval,
            Version::V3 => Code::ClusterIntervalV3,
        };
        let interval = self.differ(interval_code, "interval", |instance| {
            (instance.interval.span, instance.interval.to_string())
        });
        let is_v3_over_ipv4 = |instance: &Instance| {
            instance.version.value == Version::V3 && instance.family == Family::V4
        };
        let checksum = self.differ(Code::ClusterChecksum, "checksum", |instance| {
            (instance.name.span, format!("{:?}", *instance.checksum))
        });
        let checksum = checksum.filter(|_| is_v3_over_ipv4(first) && is_v3_over_ipv4(other));
        let findings = [vrid, version, interval, checksum];
        let findings = findings.into_iter().flatten();
        findings.chain(self.authentication_finding()).chain(self.address_finding()).collect()
    }

    fn authentication_finding(&self) -> Option<Diagnostic> {
        let (first, other) = (self.first.instance, self.other.instance);
        if first.authentication == other.authentication {
            return None;
        }
        let at = |instance: &Instance| {
            instance.authentication.as_ref().map_or(instance.name.span, |block| block.span)
        };
        // Secrets are compared, not shown.
        let kind = |instance: &Instance| match instance.authentication.as_deref() {
            None => "no authentication",
            Some(Authentication::Password(_)) => "a password",
            Some(Authentication::Header(_)) => "an authentication header",
            Some(Authentication::Hmac(_)) => "signatures",
        };
        let (name, member) = (&other.name, &self.first.member.name);
        let message = format!("`{name}` authenticates otherwise than on {member}");
        let (own, theirs) = match (kind(first), kind(other)) {
            (first, other) if first == other => ("another secret".to_owned(), other.to_owned()),
            (first, other) => (first.to_owned(), other.to_owned()),
        };
        let finding = Diagnostic::new(Code::ClusterAuthentication, at(other), message)
            .label(theirs)
            .also(at(first), own);
        Some(finding)
    }

    fn address_finding(&self) -> Option<Diagnostic> {
        let (first, other) = (self.first.instance, self.other.instance);
        let missing = |from: &Instance, of: &Instance| {
            let there = addresses(from);
            of.addresses.iter().find(|address| !there.contains(&address.address)).cloned()
        };
        let (lacking, owner, address) = match (missing(other, first), missing(first, other)) {
            (Some(address), _) => (&self.other, &self.first, address),
            (None, Some(address)) => (&self.first, &self.other, address),
            (None, None) => return None,
        };
        let (ip, member) = (address.address, &owner.member.name);
        let message = format!("`{}` lacks the address {ip} of {member}", lacking.instance.name);
        let finding = Diagnostic::new(Code::ClusterAddresses, lacking.instance.name.span, message)
            .also(address.span, "the address");
        Some(finding)
    }

    fn priority_finding(&self) -> Option<Diagnostic> {
        let (first, other) = (self.first.instance, self.other.instance);
        if first.priority != other.priority {
            return None;
        }
        let code = match first.priority.is_owner() {
            true => Code::ClusterOwners,
            false => Code::ClusterEqual,
        };
        let (name, member) = (&other.name, &self.first.member.name);
        let message = format!("`{name}` has the same priority, {}, as on {member}", first.priority);
        let finding = Diagnostic::new(code, other.priority.span, message)
            .also(first.priority.span, "the other one");
        Some(finding)
    }

    fn unicast_findings(&self) -> Vec<Diagnostic> {
        let (first, other) = (self.first.instance, self.other.instance);
        match (&first.destination, &other.destination) {
            (Destination::Unicast(first_peers), Destination::Unicast(other_peers)) => {
                let there = self.deaf(&self.first, first_peers, &self.other);
                let back = self.deaf(&self.other, other_peers, &self.first);
                there.into_iter().chain(back).collect()
            }
            (Destination::Multicast(one), Destination::Multicast(two)) if one == two => Vec::new(),
            _ => {
                let (name, member) = (&other.name, &self.first.member.name);
                let message = format!("`{name}` sends elsewhere than on {member}");
                let finding = Diagnostic::new(Code::ClusterUnicast, name.span, message)
                    .also(first.name.span, "the other one")
                    .note("one uses unicast, or another multicast group");
                vec![finding]
            }
        }
    }

    /// Reports that `sender` does not send to `receiver`, whose address is known.
    fn deaf(
        &self,
        sender: &Seat<'_>,
        unicast: &Unicast,
        receiver: &Seat<'_>,
    ) -> Option<Diagnostic> {
        let source = receiver.instance.source.as_ref()?;
        if unicast.peers.iter().any(|peer| peer.address == source.value) {
            return None;
        }
        let name = &sender.instance.name;
        let message = format!("`{name}` does not send to {source} of {}", receiver.member.name);
        let finding = Diagnostic::new(Code::ClusterUnicast, name.span, message)
            .also(source.span, "this member's address")
            .help(format!("add {source} to its `unicast_peer`"));
        Some(finding)
    }
}
