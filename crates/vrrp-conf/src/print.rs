//! The model as text: lines of a keyword and its value, which read back as the same model.
//!
//! What is printed, and in which order, the rows of `settings` say; how a value is written is said
//! here.

mod routing;

use core::fmt::{Display, Write};
use std::path::Path;
use std::time::Duration;

use vrrp_proto::Priority;

use crate::Spanned;
use crate::bytes;
use crate::decimal::decimal;
use crate::expand;
use crate::model::{
    Announce, Broadcast, Command, FileInit, Global, Ipvlan, IpvlanMode, Lifetime, Linkbeat,
    LinkbeatMethod, Notify, OldChecksum, Scope, ScriptUser, Track, Unicast, UnicastPeer,
    VirtualAddress, Vmac, Weight,
};

pub(crate) use routing::{route_words, rule_words};

/// A line, and the block that it begins.
struct Node {
    words: Vec<String>,
    body: Option<Lines>,
}

/// Lines being collected.
#[derive(Default)]
pub(crate) struct Lines(Vec<Node>);

/// The lines that begin with one keyword.
pub(crate) struct Line<'l> {
    lines: &'l mut Lines,
    keyword: &'static str,
}

impl Lines {
    /// The lines of a keyword, behind those that are there.
    pub(crate) fn of(&mut self, keyword: &'static str) -> Line<'_> {
        Line { lines: self, keyword }
    }

    /// All of them as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        self.0.iter().for_each(|node| node.write(text, depth));
    }
}

impl Line<'_> {
    fn push(&mut self, words: impl IntoIterator<Item = String>, body: Option<Lines>) {
        let words = [self.keyword.to_owned()].into_iter().chain(words).collect();
        self.lines.0.push(Node { words, body });
    }

    /// A line with these words behind the keyword.
    pub(crate) fn words(&mut self, words: impl IntoIterator<Item = String>) {
        self.push(words, None);
    }

    pub(crate) fn value(&mut self, value: &dyn Display) {
        self.words([value.to_string()]);
    }

    pub(crate) fn option(&mut self, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    /// A line if it is on.
    pub(crate) fn flag(&mut self, on: bool) {
        if on {
            self.words([]);
        }
    }

    pub(crate) fn switch(&mut self, on: bool) {
        self.value(&if on { "on" } else { "off" });
    }

    pub(crate) fn secs(&mut self, time: Duration) {
        self.value(&secs(time));
    }

    pub(crate) fn secs_option(&mut self, time: Option<Duration>) {
        self.option(time.map(secs).as_ref());
    }

    pub(crate) fn secs_unless_zero(&mut self, time: Duration) {
        self.secs_option(Some(time).filter(|time| !time.is_zero()));
    }

    pub(crate) fn millis(&mut self, time: Duration) {
        self.value(&decimal(time.as_micros() as u64, 1000));
    }

    /// Values on one line, if there are any.
    pub(crate) fn list<T: Display>(&mut self, values: &[T]) {
        if !values.is_empty() {
            self.words(values.iter().map(ToString::to_string));
        }
    }

    /// A block of items, unless there are none.
    pub(crate) fn items<T>(&mut self, items: &[T], words: impl Fn(&T) -> Vec<String>) {
        if !items.is_empty() {
            let items = items.iter().map(|item| Node { words: words(item), body: None });
            self.push([], Some(Lines(items.collect())));
        }
    }

    /// A block of items of one word, unless there are none.
    pub(crate) fn list_block<T: Display>(&mut self, items: &[T]) {
        self.items(items, |item| vec![item.to_string()]);
    }

    /// A block, perhaps with a name, and what fills it.
    pub(crate) fn block(&mut self, name: Option<&dyn Display>, fill: impl FnOnce(&mut Lines)) {
        let mut body = Lines::default();
        fill(&mut body);
        self.push(name.map(ToString::to_string), Some(body));
    }

    pub(crate) fn path(&mut self, path: Option<&Spanned<impl AsRef<Path>>>) {
        self.option(path.map(|path| path.value.as_ref().display()).as_ref());
    }

    pub(crate) fn weight(&mut self, weight: Weight) {
        let reverse = weight.reverse.then(|| "reverse".to_owned());
        self.words([weight.value.to_string()].into_iter().chain(reverse));
    }

    pub(crate) fn user(&mut self, user: Option<&ScriptUser>) {
        if let Some(user) = user {
            self.words(user_words(user));
        }
    }

    pub(crate) fn program(&mut self, words: &[String]) {
        self.value(&command_line(words));
    }

    pub(crate) fn command(&mut self, command: Option<&Command>) {
        let Some(command) = command else { return };
        let user = command.user.iter().flat_map(|user| user_words(user));
        self.words([command_line(&command.words)].into_iter().chain(user));
    }

    /// The limit of a program at start or stop, unless it is the default.
    pub(crate) fn hook_timeout(&mut self, timeout: Duration) {
        let timeout = Some(timeout).filter(|timeout| *timeout != Global::HOOK_TIMEOUT);
        self.option(timeout.map(|timeout| timeout.as_secs()).as_ref());
    }

    /// What is run when an instance is removed, or that it is said.
    pub(crate) fn notify_deleted(&mut self, notify: &Notify) {
        match &notify.deleted {
            Some(deleted) => self.command(Some(deleted)),
            None => self.flag(notify.say_deleted),
        }
    }

    /// A priority that need not be there, if the keyword is.
    #[expect(clippy::option_option, reason = "the model has it so")]
    pub(crate) fn perhaps(&mut self, priority: Option<Option<Priority>>) {
        match priority {
            Some(Some(priority)) => self.value(&priority),
            Some(None) => self.words([]),
            None => {}
        }
    }

    pub(crate) fn extra_pace(&mut self, announce: &Announce) {
        let Some(pace) = announce.extra_interfaces else { return };
        let all = announce.extra_interfaces_all.then(|| "all".to_owned());
        self.words(all.into_iter().chain([secs(pace)]));
    }

    pub(crate) fn file_init(&mut self, init: Option<FileInit>) {
        let Some(init) = init else { return };
        let overwrite = init.overwrite.then(|| "overwrite".to_owned());
        self.words([init.value.to_string()].into_iter().chain(overwrite));
    }

    pub(crate) fn old_checksum(&mut self, unicast: Option<&Unicast>) {
        match unicast.map(|unicast| unicast.old_checksum) {
            Some(OldChecksum::Always) => self.words([]),
            Some(OldChecksum::Never) => self.value(&"never"),
            Some(OldChecksum::Detect) | None => {}
        }
    }

    pub(crate) fn vmac(&mut self, vmac: Option<&Vmac>) {
        let Some(vmac) = vmac else { return };
        let name = vmac.name.iter().map(ToString::to_string);
        self.words(name.chain(vmac.mac.iter().map(ToString::to_string)));
    }

    pub(crate) fn ipvlan(&mut self, ipvlan: Option<&Ipvlan>) {
        let Some(ipvlan) = ipvlan else { return };
        let mode = match ipvlan.mode {
            IpvlanMode::Bridge => "bridge",
            IpvlanMode::Private => "private",
            IpvlanMode::Vepa => "vepa",
        };
        let name = ipvlan.name.iter().map(ToString::to_string);
        let address = ipvlan.address.map(|(address, len)| format!("{address}/{len}"));
        self.words(name.chain(address).chain([mode.to_owned()]));
    }
}

/// So many seconds, with decimals.
pub(crate) fn secs(time: Duration) -> String {
    decimal(time.as_micros() as u64, 1_000_000)
}

fn user_words(user: &ScriptUser) -> impl Iterator<Item = String> {
    [user.user.clone()].into_iter().chain(user.group.clone())
}

pub(crate) fn linkbeat_words(linkbeat: &Linkbeat) -> Vec<String> {
    let method = linkbeat.method.map(|method| match method {
        LinkbeatMethod::Mii => "MII",
        LinkbeatMethod::Ethtool => "ETHTOOL",
        LinkbeatMethod::Ioctl => "IOCTL",
    });
    let name = core::iter::once(linkbeat.interface.to_string());
    name.chain(method.map(str::to_owned)).collect()
}

pub(crate) fn peer_words(peer: &UnicastPeer) -> Vec<String> {
    let mut words = vec![peer.address.to_string()];
    for (option, ttl) in [("min_ttl", peer.min_ttl), ("max_ttl", peer.max_ttl)] {
        words.extend(ttl.into_iter().flat_map(|ttl| [option.to_owned(), ttl.to_string()]));
    }
    words
}

pub(crate) fn track_words<T: Display>(track: &Track<T>) -> Vec<String> {
    let Weight { value, reverse } = *track.weight;
    let direction = if reverse { "reverse" } else { "noreverse" };
    vec![track.target.to_string(), "weight".into(), value.to_string(), direction.into()]
}

pub(crate) fn address_words(address: &VirtualAddress) -> Vec<String> {
    // One with a peer is a host's.
    let mut words = vec![match address.peer {
        Some(_) => address.address.to_string(),
        None => format!("{}/{}", address.address, address.prefix_len),
    }];
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
    option("peer", address.peer.map(|(peer, _)| peer.to_string()));
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
    fn write(&self, text: &mut String, depth: usize) {
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
        body.write(text, depth + 1);
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
