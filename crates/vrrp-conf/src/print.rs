//! The effective configuration: normalised, with every default filled in.
//!
//! A model becomes a tree of lines, and the tree is written as keepalived.conf, which reads
//! back as the same model.

mod routing;

use core::fmt::{Display, Write};
use core::net::IpAddr;
use std::time::Duration;

use vrrp_proto::{Family, Version};

use crate::bytes;
use crate::expand;
use crate::model::{
    Announce, AntiReplay, Authentication, Broadcast, Checksum, Command, Config, Destination,
    FirstState, Global, HmacAuth, HmacMode, Instance, IpvlanMode, Lifetime, LinkbeatMethod, Notify,
    OldChecksum, ParamMatch, Scope, ScriptUser, Track, Tracks, Unicast, VirtualAddress, Weight,
};
use crate::read::value::decimal;
use routing::{route_words, rule_words};

/// A line, and the block that it begins.
struct Node {
    words: Vec<String>,
    body: Option<Vec<Node>>,
}

/// Lines being collected.
#[derive(Default)]
struct Lines(Vec<Node>);

impl Config {
    /// The configuration as keepalived.conf text. Reading it gives an equal model.
    pub fn to_conf(&self) -> String {
        let mut text = String::new();
        for node in self.nodes() {
            node.write_conf(&mut text, 0);
        }
        text
    }

    fn nodes(&self) -> Vec<Node> {
        let mut lines = Lines::default();
        // What instances inherit stands in each of them, but for the pace, which only
        // `global_defs` can set: all instances have the same.
        let pace = self.instances.first().map(|instance| instance.announce);
        self.global.lines(pace.unwrap_or_default(), &mut lines);
        self.definitions(&mut lines);
        for instance in &self.instances {
            lines.block(&[&"vrrp_instance", &instance.name], |lines| {
                instance.lines(&self.global, lines);
            });
        }
        self.groups(&mut lines);
        lines.0
    }

    fn definitions(&self, lines: &mut Lines) {
        for script in self.scripts.values() {
            lines.block(&[&"vrrp_script", &script.name], |lines| {
                lines.line(&[&"script", &command_line(&script.command.words)]);
                lines.secs("interval", script.interval);
                lines.secs("timeout", script.timeout);
                lines.weight(*script.weight);
                lines.line(&[&"rise", &script.rise]);
                lines.line(&[&"fall", &script.fall]);
                if let Some(user) = &script.command.user {
                    lines.user("user", user);
                }
                lines.flag("init_fail", script.init_fail);
            });
        }
        for process in self.processes.values() {
            lines.block(&[&"vrrp_track_process", &process.name], |lines| {
                let mut words: Vec<&dyn Display> = vec![&"process", &process.process];
                words.extend(process.parameters.iter().map(|word| word as &dyn Display));
                lines.line(&words);
                match process.param_match {
                    Some(ParamMatch::Partial) => lines.line(&[&"param_match", &"partial"]),
                    Some(ParamMatch::Initial) => lines.line(&[&"param_match", &"initial"]),
                    None => {}
                }
                lines.flag("full_command", process.full_command);
                lines.weight(*process.weight);
                lines.line(&[&"quorum", &process.quorum]);
                lines.option("quorum_max", process.quorum_max.as_ref());
                lines.secs("fork_delay", process.fork_delay);
                lines.secs("terminate_delay", process.terminate_delay);
            });
        }
        for file in self.files.values() {
            lines.block(&[&"track_file", &file.name], |lines| {
                lines.line(&[&"file", &file.path.display()]);
                lines.weight(*file.weight);
                match file.init {
                    Some(init) if init.overwrite => {
                        lines.line(&[&"init_file", &init.value, &"overwrite"]);
                    }
                    Some(init) => lines.line(&[&"init_file", &init.value]),
                    None => {}
                }
            });
        }
        self.bfd_lines(lines);
    }

    fn bfd_lines(&self, lines: &mut Lines) {
        let millis = |time: Duration| decimal(time.as_micros() as u64, 1000);
        for session in self.bfd_sessions.values() {
            lines.block(&[&"bfd_instance", &session.name], |lines| {
                lines.line(&[&"neighbor_ip", &session.neighbor]);
                lines.option("source_ip", session.source.as_ref());
                lines.line(&[&"min_rx", &millis(session.min_rx)]);
                lines.line(&[&"min_tx", &millis(session.min_tx)]);
                lines.line(&[&"idle_tx", &millis(session.idle_tx)]);
                lines.line(&[&"multiplier", &session.multiplier]);
                lines.flag("passive", session.passive);
                let ttl = if session.neighbor.is_ipv4() { "ttl" } else { "hoplimit" };
                lines.line(&[&ttl, &session.hop_limit]);
                lines.line(&[&"max_hops", &session.max_hops]);
                lines.flag("multihop", session.multihop);
                lines.weight(*session.weight);
            });
        }
    }

    fn groups(&self, lines: &mut Lines) {
        for group in &self.sync_groups {
            lines.block(&[&"vrrp_sync_group", &group.name], |lines| {
                lines.items("group", &group.members, |member| vec![member.to_string()]);
                lines.tracks(&group.tracks);
                lines.flag("sync_group_tracking_weight", group.tracking_weight);
                lines.notify(&group.notify);
            });
        }
        for (name, members) in &self.track_groups {
            lines.block(&[&"track_group", name], |lines| {
                lines.items("group", members, |member| vec![member.to_string()]);
            });
        }
        for group in &self.garp_groups {
            lines.block(&[&"garp_group"], |lines| {
                lines.items("interfaces", &group.interfaces, |name| vec![name.to_string()]);
                if let Some(interval) = group.garp_interval {
                    lines.secs("garp_interval", interval);
                }
                if let Some(interval) = group.na_interval {
                    lines.secs("gna_interval", interval);
                }
            });
        }
        lines.items("linkbeat_interfaces", &self.linkbeat_interfaces, |linkbeat| {
            let method = linkbeat.method.map(|method| match method {
                LinkbeatMethod::Mii => "MII",
                LinkbeatMethod::Ethtool => "ETHTOOL",
                LinkbeatMethod::Ioctl => "IOCTL",
            });
            let name = core::iter::once(linkbeat.interface.to_string());
            name.chain(method.map(str::to_owned)).collect()
        });
        lines.items("interface_up_down_delays", &self.interface_delays, |delays| {
            vec![delays.interface.to_string(), secs(delays.down), secs(delays.up)]
        });
        lines.items("static_ipaddress", &self.static_addresses, |address| address_words(address));
        lines.items("static_routes", &self.static_routes, |route| route_words(route));
        lines.items("static_rules", &self.static_rules, |rule| rule_words(rule));
    }
}

impl Global {
    fn lines(&self, pace: Announce, lines: &mut Lines) {
        lines.option("instance", self.instance_name.as_ref());
        lines.option("net_namespace", self.net_namespace.as_ref());
        lines.block(&[&"global_defs"], |lines| {
            lines.option("router_id", self.router_id.as_ref());
            if let Some(user) = &self.script_user {
                lines.user("script_user", user);
            }
            lines.flag("enable_script_security", self.script_security);
            lines.secs("vrrp_notify_timeout", self.notify_timeout);
            lines.line(&[&"vrrp_mcast_group4", &self.multicast_v4]);
            lines.line(&[&"vrrp_mcast_group6", &self.multicast_v6]);
            if !self.startup_delay.is_zero() {
                lines.secs("vrrp_startup_delay", self.startup_delay);
            }
            if !self.delay_after_boot.is_zero() {
                lines.secs("vrrp_delay_after_boot", self.delay_after_boot);
            }
            lines.flag("log_unknown_vrids", self.log_unknown_vrids);
            lines.flag("dynamic_interfaces", self.dynamic_interfaces);
            lines.option("default_interface", self.default_interface.as_ref());
            let hooks = [
                ("startup_script", &self.startup_script, self.startup_script_timeout),
                ("shutdown_script", &self.shutdown_script, self.shutdown_script_timeout),
            ];
            for (keyword, hook, timeout) in hooks {
                lines.command(keyword, hook.as_deref());
                if timeout != Self::HOOK_TIMEOUT {
                    lines.line(&[&format!("{keyword}_timeout"), &timeout.as_secs()]);
                }
            }
            if !pace.garp_interval.is_zero() {
                lines.secs("vrrp_garp_interval", pace.garp_interval);
            }
            if !pace.na_interval.is_zero() {
                lines.secs("vrrp_gna_interval", pace.na_interval);
            }
            self.pipes_and_resources(lines);
        });
    }

    fn pipes_and_resources(&self, lines: &mut Lines) {
        lines.option("notify_fifo", self.notify_fifo.as_ref().map(|path| path.display()).as_ref());
        let path = self.vrrp_notify_fifo.as_ref().map(|path| path.display());
        lines.option("vrrp_notify_fifo", path.as_ref());
        lines.option("vrrp_rt_priority", self.realtime_priority.as_ref());
        let limit = self.realtime_limit.map(|limit| limit.as_micros());
        lines.option("vrrp_rlimit_rttime", limit.as_ref());
        lines.option("vrrp_priority", self.nice.as_ref());
        if !self.cpu_affinity.is_empty() {
            let mut words: Vec<&dyn Display> = vec![&"vrrp_cpu_affinity"];
            words.extend(self.cpu_affinity.iter().map(|cpu| cpu as &dyn Display));
            lines.line(&words);
        }
        lines.flag("vrrp_no_swap", self.no_swap);
        lines.option("process_monitor_rcv_bufs", self.process_events_buffer_bytes.as_ref());
        lines.option("vrrp_netlink_monitor_rcv_bufs", self.netlink_monitor_buffer_bytes.as_ref());
    }
}

impl Instance {
    fn lines(&self, global: &Global, lines: &mut Lines) {
        let state = match self.first_state.value {
            FirstState::Master => "MASTER",
            FirstState::Backup => "BACKUP",
        };
        lines.line(&[&"state", &state]);
        lines.line(&[&"interface", &self.interface]);
        lines.line(&[&"virtual_router_id", &self.vrid]);
        lines.line(&[&"priority", &self.priority]);
        lines.line(&[&"version", &self.version]);
        lines.secs("advert_int", self.interval.as_duration());
        lines.flag("native_ipv6", self.family == Family::V6 && self.version.value == Version::V3);
        if let Some(authentication) = &self.authentication {
            lines.authentication(authentication);
        }
        self.address_lines(lines);
        match self.preempt.enabled.value {
            true => lines.line(&[&"preempt"]),
            false => lines.line(&[&"nopreempt"]),
        }
        if !self.preempt.delay.is_zero() {
            lines.secs("preempt_delay", *self.preempt.delay);
        }
        lines.announce(&self.announce);
        self.flag_lines(lines);
        lines.tracks(&self.tracks);
        self.network_lines(global, lines);
        lines.notify(&self.notify);
    }

    fn address_lines(&self, lines: &mut Lines) {
        lines.items("virtual_ipaddress", &self.addresses, |address| address_words(address));
        lines.items("virtual_ipaddress_excluded", &self.excluded_addresses, |address| {
            address_words(address)
        });
        lines.flag("no_virtual_ipaddress", self.no_addresses);
        lines.items("virtual_routes", &self.routes, |route| route_words(route));
        lines.items("virtual_rules", &self.rules, |rule| rule_words(rule));
    }

    fn flag_lines(&self, lines: &mut Lines) {
        lines.line(&[&"down_timer_adverts", &self.down_timer_adverts]);
        lines.switch("lower_prio_no_advert", *self.lower_prio_no_advert);
        lines.switch("higher_prio_send_advert", self.higher_prio_send_advert);
        lines.switch("owner_ignore_adverts", *self.owner_ignore_adverts);
        lines.switch("v3_checksum_as_v2", *self.checksum == Checksum::MessageOnly);
        lines.switch("skip_check_adv_addr", self.skip_check_adv_addr);
        lines.switch("strict_mode", self.strict);
        lines.flag(if self.accept { "accept" } else { "no_accept" }, true);
        lines.flag("dont_track_primary", !self.track_primary);
        lines.flag("promote_secondaries", self.promote_secondaries);
        match self.timer_expired_backup {
            Some(Some(priority)) => lines.line(&[&"timer_expired_backup", &priority]),
            Some(None) => lines.line(&[&"timer_expired_backup"]),
            None => {}
        }
    }

    fn network_lines(&self, global: &Global, lines: &mut Lines) {
        let unicast = match &self.destination {
            Destination::Unicast(unicast) => Some(unicast),
            Destination::Multicast(group) => {
                let inherited: IpAddr = match self.family {
                    Family::V4 => global.multicast_v4.into(),
                    Family::V6 => global.multicast_v6.into(),
                };
                if **group != inherited {
                    lines.line(&[&"mcast_dst_ip", group]);
                }
                None
            }
        };
        let source = if unicast.is_some() { "unicast_src_ip" } else { "mcast_src_ip" };
        lines.option(source, self.source.as_ref());
        lines.flag("track_src_ip", self.track_source);
        if let Some(unicast) = unicast {
            lines.unicast(unicast);
        }
        lines.option("vrf", self.vrf.as_ref());
        if let Some(vmac) = &self.vmac {
            let mut words = vec!["use_vmac".to_owned()];
            words.extend(vmac.name.iter().map(ToString::to_string));
            words.extend(vmac.mac.iter().map(ToString::to_string));
            lines.words(words);
            lines.flag("vmac_xmit_base", vmac.xmit_base);
            lines.flag("use_vmac_addr", vmac.for_addresses);
        }
        if let Some(ipvlan) = &self.ipvlan {
            let mut words = vec!["use_ipvlan".to_owned()];
            words.extend(ipvlan.name.iter().map(ToString::to_string));
            words.extend(ipvlan.address.map(|(address, len)| format!("{address}/{len}")));
            let mode = match ipvlan.mode {
                IpvlanMode::Bridge => "bridge",
                IpvlanMode::Private => "private",
                IpvlanMode::Vepa => "vepa",
            };
            words.push(mode.to_owned());
            lines.words(words);
        }
        lines.option("kernel_rx_buf_size", self.rx_buffer_bytes.as_ref());
    }
}

impl Lines {
    fn words(&mut self, words: Vec<String>) {
        self.0.push(Node { words, body: None });
    }

    fn line(&mut self, words: &[&dyn Display]) {
        self.words(words.iter().map(ToString::to_string).collect());
    }

    fn block(&mut self, words: &[&dyn Display], fill: impl FnOnce(&mut Self)) {
        let mut body = Self::default();
        fill(&mut body);
        let words = words.iter().map(ToString::to_string).collect();
        self.0.push(Node { words, body: Some(body.0) });
    }

    /// A block of items, unless there are none.
    fn items<T>(&mut self, keyword: &str, items: &[T], words: impl Fn(&T) -> Vec<String>) {
        if items.is_empty() {
            return;
        }
        let items = items.iter().map(|item| Node { words: words(item), body: None });
        self.0.push(Node { words: vec![keyword.to_owned()], body: Some(items.collect()) });
    }

    fn flag(&mut self, keyword: &str, on: bool) {
        if on {
            self.line(&[&keyword]);
        }
    }

    fn switch(&mut self, keyword: &str, on: bool) {
        self.line(&[&keyword, &if on { "on" } else { "off" }]);
    }

    fn option(&mut self, keyword: &str, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.line(&[&keyword, value]);
        }
    }

    fn secs(&mut self, keyword: &str, time: Duration) {
        self.line(&[&keyword, &secs(time)]);
    }

    fn weight(&mut self, weight: Weight) {
        let mut words = vec!["weight".to_owned(), weight.value.to_string()];
        words.extend(weight.reverse.then(|| "reverse".to_owned()));
        self.words(words);
    }

    fn user(&mut self, keyword: &str, user: &ScriptUser) {
        let mut words = vec![keyword.to_owned(), user.user.clone()];
        words.extend(user.group.clone());
        self.words(words);
    }

    fn command(&mut self, keyword: &str, command: Option<&Command>) {
        let Some(command) = command else { return };
        let mut words = vec![keyword.to_owned(), command_line(&command.words)];
        if let Some(user) = &command.user {
            words.push(user.user.clone());
            words.extend(user.group.clone());
        }
        self.words(words);
    }

    fn authentication(&mut self, authentication: &Authentication) {
        let (kind, password) = match authentication {
            Authentication::Password(password) => ("PASS", password),
            Authentication::Header(password) => ("AH", password),
            Authentication::Hmac(hmac) => return self.auth_hmac(hmac),
        };
        let text = bytes::decode(password.trimmed().to_vec());
        self.block(&[&"authentication"], |lines| {
            lines.line(&[&"auth_type", &kind]);
            lines.line(&[&"auth_pass", &text]);
        });
    }

    fn auth_hmac(&mut self, hmac: &HmacAuth) {
        self.block(&[&"auth_hmac"], |lines| {
            for key in &hmac.keys {
                lines.line(&[&"key", &key.id, &key.secret]);
            }
            lines.line(&[&"active_key", &hmac.active_key]);
            let anti_replay = match hmac.anti_replay {
                AntiReplay::Time => "time",
                AntiReplay::Monotonic => "monotonic",
            };
            lines.line(&[&"anti_replay", &anti_replay]);
            if let Some(window) = hmac.time_window {
                lines.secs("time_window", window);
            }
            let mode = match hmac.mode {
                HmacMode::Enforce => "enforce",
                HmacMode::Permissive => "permissive",
                HmacMode::ReceiveOnly => "receive-only",
            };
            lines.line(&[&"mode", &mode]);
        });
    }

    fn announce(&mut self, announce: &Announce) {
        self.line(&[&"garp_master_repeat", &announce.repeat]);
        self.secs("garp_master_delay", announce.delay);
        self.secs("garp_master_refresh", announce.refresh);
        self.line(&[&"garp_master_refresh_repeat", &announce.refresh_repeat]);
        self.line(&[&"garp_lower_prio_repeat", &announce.lower_prio_repeat]);
        self.secs("garp_lower_prio_delay", announce.lower_prio_delay);
        if let Some(pace) = announce.extra_interfaces {
            match announce.extra_interfaces_all {
                true => self.line(&[&"garp_extra_if", &"all", &secs(pace)]),
                false => self.line(&[&"garp_extra_if", &secs(pace)]),
            }
        }
    }

    fn tracks(&mut self, tracks: &Tracks) {
        self.items("track_interface", &tracks.interfaces, track_words);
        self.items("track_script", &tracks.scripts, track_words);
        self.items("track_process", &tracks.processes, track_words);
        self.items("track_file", &tracks.files, track_words);
        self.items("track_bfd", &tracks.bfd_sessions, track_words);
    }

    fn notify(&mut self, notify: &Notify) {
        self.command("notify_master", notify.master.as_deref());
        self.command("notify_backup", notify.backup.as_deref());
        self.command("notify_fault", notify.fault.as_deref());
        self.command("notify_stop", notify.stop.as_deref());
        match &notify.deleted {
            Some(deleted) => self.command("notify_deleted", Some(deleted)),
            None => self.flag("notify_deleted", notify.say_deleted),
        }
        self.command("notify", notify.any.as_deref());
        let lower = notify.master_rx_lower_priority.as_deref();
        self.command("notify_master_rx_lower_pri", lower);
        self.switch("notify_priority_changes", notify.priority_changes);
    }

    fn unicast(&mut self, unicast: &Unicast) {
        self.items("unicast_peer", &unicast.peers, |peer| {
            let mut words = vec![peer.address.to_string()];
            for (option, ttl) in [("min_ttl", peer.min_ttl), ("max_ttl", peer.max_ttl)] {
                words.extend(ttl.into_iter().flat_map(|ttl| [option.to_owned(), ttl.to_string()]));
            }
            words
        });
        self.flag("unicast_fault_no_peer", unicast.peers.is_empty());
        self.option("unicast_ttl", unicast.ttl.as_ref());
        self.flag("check_unicast_src", unicast.check_source);
        match unicast.old_checksum {
            OldChecksum::Detect => {}
            OldChecksum::Always => self.line(&[&"old_unicast_checksum"]),
            OldChecksum::Never => self.line(&[&"old_unicast_checksum", &"never"]),
        }
    }
}

fn secs(time: Duration) -> String {
    decimal(time.as_micros() as u64, 1_000_000)
}

fn track_words<T: Display>(track: &Track<T>) -> Vec<String> {
    let Weight { value, reverse } = *track.weight;
    let direction = if reverse { "reverse" } else { "noreverse" };
    vec![track.target.to_string(), "weight".into(), value.to_string(), direction.into()]
}

fn address_words(address: &VirtualAddress) -> Vec<String> {
    let mut words = vec![format!("{}/{}", address.address, address.prefix_len)];
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    option(
        "brd",
        address.broadcast.map(|broadcast| match broadcast {
            Broadcast::Address(address) => address.to_string(),
            Broadcast::HostBitsSet => "+".to_owned(),
            Broadcast::HostBitsClear => "-".to_owned(),
        }),
    );
    option("dev", address.device.as_ref().map(ToString::to_string));
    let scope = (address.scope != Scope::GLOBAL).then(|| address.scope.0.to_string());
    option("scope", scope);
    option("label", address.label.clone());
    option("peer", address.peer.map(|(peer, len)| format!("{peer}/{len}")));
    option(
        "preferred_lft",
        address.preferred.map(|lifetime| match lifetime {
            Lifetime::For(time) => time.as_secs().to_string(),
            Lifetime::Forever => "forever".to_owned(),
        }),
    );
    option("track_group", address.track_group.as_ref().map(ToString::to_string));
    let flags = [
        ("use_vmac", address.use_vmac),
        ("home", address.home),
        ("-nodad", address.no_dad),
        ("mngtmpaddr", address.manage_temporary),
        ("noprefixroute", address.no_prefix_route),
        ("autojoin", address.auto_join),
        ("no_track", address.no_track),
    ];
    words.extend(flags.iter().filter(|(_, on)| *on).map(|(flag, _)| (*flag).to_owned()));
    words
}

/// The words of a command as one text, that splits into them again.
fn command_line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let special = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
        if !word.is_empty() && !word.contains(special) {
            return word.clone();
        }
        // Within double quotes everything but them stands for itself, and the reverse.
        let parts = word.split('"').map(|part| match part {
            "" => String::new(),
            part => format!("\"{part}\""),
        });
        match word.is_empty() {
            true => "\"\"".to_owned(),
            false => parts.collect::<Vec<_>>().join("'\"'"),
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

impl Node {
    fn write_conf(&self, text: &mut String, depth: usize) {
        let _ = write!(text, "{:1$}", "", depth * 4);
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            // A name in front could be taken for a line of the pre-pass.
            write_word(text, word, index == 0 && expand::may_direct(word));
        }
        let Some(body) = &self.body else { return text.push('\n') };
        text.push_str(" {\n");
        body.iter().for_each(|node| node.write_conf(text, depth + 1));
        let _ = writeln!(text, "{:1$}}}", "", depth * 4);
    }
}

/// A word, in quotes and with escapes if it would not be read as it stands, or if they are wanted.
fn write_word(text: &mut String, word: &str, in_quotes: bool) {
    let special = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || bytes::byte_of(c).is_some()
            || matches!(c, '{' | '}' | '"' | '\'' | '\\' | '#' | '!' | '$' | '@' | '~')
    };
    let is_sign = matches!(word, "" | "=" | ":" | ":=");
    if !in_quotes && !is_sign && !word.contains(special) {
        return text.push_str(word);
    }
    text.push('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            // An escaped dollar sign is one that begins no variable.
            c if c == '$' || c.is_ascii_control() => {
                let _ = write!(text, "\\{:03o}", u32::from(c));
            }
            c => match bytes::byte_of(c) {
                Some(byte) => {
                    let _ = write!(text, "\\{byte:03o}");
                }
                None => text.push(c),
            },
        }
    }
    text.push('"');
}
