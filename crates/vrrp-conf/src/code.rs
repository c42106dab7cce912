//! The kinds of findings, with a number each that never changes its meaning.

use core::fmt;

use crate::Severity;

macro_rules! codes {
    ($($variant:ident = $number:literal $tolerated:ident $title:literal $text:literal)+) => {
        /// The kind of a finding. Its number (`E0201`) is stable: it is never given to
        /// another kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!($number, ": ", $title)] $variant,)+
        }

        impl Code {
            /// All kinds, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number, with its letter: `E0201`, `W0501`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $number,)+ }
            }

            /// The kind in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means, why it matters, and how to mend it.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether keepalived goes on in spite of it, so that lenient mode may too.
            pub const fn is_tolerated(self) -> bool {
                match self { $(Self::$variant => codes!(@$tolerated),)+ }
            }
        }
    };
    (@tolerated) => { true };
    (@fatal) => { false };
    (@doubt) => { true };
}

codes! {
    Unreadable = "E0001" fatal "a file cannot be read"
        "The file does not exist, is no regular file, or may not be read by this user. Nothing \
         can be said about a configuration of which a part is missing.\n\nMend the path or the \
         file's permissions."
    IncludeFailed = "E0101" tolerated "an include has no file"
        "An `include` line names files that do not exist or cannot be read, and \
         `include_check`, or the form of the keyword (`includer`, `includem`, `includew`, \
         `includeb`, `includea`), asks that they do.\n\nMend the path, which is relative to \
         the file that the line stands in, or ask for less with plain `include`."
    IncludeRefused = "E0102" fatal "an include where none is allowed"
        "The text was given to be read without touching the system, so the files that it names \
         are not read.\n\nPut their content in the line's place, or read the configuration \
         from a file."
    ExpansionTooDeep = "E0103" fatal "an endless or very deep expansion"
        "A file includes itself, a variable's value contains the variable, or replacements are \
         nested far deeper than anybody writes. It would never end.\n\nThe note shows the chain \
         of replacements: break it at the step that leads back."
    ExpansionTooLarge = "E0104" fatal "an expansion that is too large"
        "Variables and sequences multiply: a few short lines can stand for more text than fits \
         into memory. Reading stops at a limit.\n\nLook for a `~SEQ` with an end that is too \
         high."
    BadRepetition = "E0105" tolerated "a `~SEQ` or `~LST` that is malformed"
        "The forms are `~SEQ(VAR, END)`, `~SEQ(VAR, START, END)`, `~SEQ(VAR, START, STEP, \
         END)`, the same with `~SEQx` for hexadecimal, `~LST(VAR, A, B)` and `~LST({V, W}, {A, \
         B}, {C, D})`. A step leads from the start to the end, and tuples have as many values \
         as there are variables.\n\nWithout the line, all that it would have stood for is \
         missing: addresses, or whole instances.\n\nMend what is in the parentheses."
    UnknownKeyword = "E0201" tolerated "an unknown keyword"
        "The word is none of the keywords that this block knows. It is most often a typing \
         error, and a typing error that is only logged starts a router with a default value \
         that nobody wanted: `prioritty 90` would leave the priority at 100.\n\nMend the word; \
         if it belongs to a newer keepalived, leave the line out. Capitals count, words are \
         joined with `_`, and a space, no `=` or `:`, stands between a keyword and its value. \
         The rest of the file is checked as if the word had been the one that is suggested."
    UnclosedBrace = "E0202" fatal "a block that is not closed"
        "A `{` has no `}`, so what was meant to stand behind the block is inside it. The place \
         is that of the brace that lacks its partner, as the lines behind it tell: one begins \
         with a keyword of an outer block, or a `}` stands under the beginning of one. The \
         other place that is shown is that line.\n\nAdd a `}` before it. The rest of the file \
         is checked as if it were there."
    StrayBrace = "E0203" tolerated "a brace without its partner"
        "A `}` closes nothing, or a `{` opens a block that no keyword begins. Most often a \
         block further up is closed too early, a line got lost, or a brace was typed \
         twice.\n\nRemove the brace, or write the keyword that it belongs to."
    UnclosedQuote = "E0204" fatal "a quote that is not closed"
        "A quoted text ends on the line that it begins on. Without its second quote, the rest \
         of the line, comments and braces included, could be part of it, so nothing else is \
         said about this line.\n\nClose it; for a quote that is meant as it stands, write a \
         backslash before it, or use the other kind around it."
    TooDeep = "E0205" fatal "blocks that are nested too deep"
        "No keyword's blocks are nested this deep, so braces must be missing.\n\nLook for the \
         first block that is not closed."
    MissingValue = "E0206" fatal "a keyword without its value"
        "The keyword needs a value behind it, on its own line; it is not known which one was \
         meant.\n\nAdd it, or remove the line to have the default. A value on the next line is \
         joined by a backslash at the end of this one."
    TrailingWords = "E0207" tolerated "words that belong to nothing"
        "All of a line belongs to its first word, and this one takes fewer words. What is \
         behind would be ignored: `priority 100 200` is 100, and `script /bin/check arg` runs \
         without `arg`. A `=` or `:` before the value is such a word too.\n\nRemove the words, \
         put them on a line of their own if they are another setting, or put a command with its \
         arguments in quotes."
    BlockMissing = "E0208" fatal "a block that is not opened"
        "The keyword begins a block, and neither this line nor the next has its `{`. The lines \
         behind it would belong to the block around it, which does not know them.\n\nWrite `{` \
         behind the marked words, and `}` on a line of its own at the end. If only the `{` is \
         missing, the rest of the file is checked as if it were there."
    Misplaced = "E0209" tolerated "a keyword or a block that does not belong here"
        "The keyword is one of the language, and stands in the wrong place: a setting of an \
         instance outside of every `vrrp_instance`, `auth_type` outside of `authentication`, a \
         `vrrp_script` block within an instance, braces behind a keyword that has none. \
         keepalived ignores such lines, and the router runs without what they say.\n\nMove the \
         line into the block that the message names. If many lines are misplaced, the block \
         above them is closed too early."
    Duplicate = "E0210" tolerated "a setting that is there twice"
        "Only one of the two can hold, and which one it is would depend on their order: \
         keepalived takes the last one of a setting and says nothing. The other one is most \
         often what somebody wanted, and changed in vain.\n\nRemove one."
    DefinedTwice = "E0211" tolerated "a name that is defined twice"
        "Two blocks of one kind have one name, so a reference to it has two meanings, and one \
         of the blocks would do nothing. Often a block was copied and its name left as it \
         was.\n\nRename one of them, and what refers to it."
    UnexpectedText = "E0212" fatal "text that no part of the language allows"
        "Neither a word, nor a quoted text, nor a brace can stand here: the file is damaged, or \
         no configuration.\n\nRemove what is marked, or look whether this is the right file, in \
         UTF-8."
    UnclosedAtEnd = "E0213" tolerated "a file that ends within a block"
        "The last block has fewer `}` than `{`. Something may be missing with it: a file that was \
         not written to its end looks like this.\n\nLook whether the file is complete, and add \
         the `}`."
    ClosedEarly = "E0214" fatal "a block that is closed too early"
        "A `}` ends the block, and the lines behind it are settings that belong into it. Out \
         there they would be ignored: the router would run with defaults.\n\nRemove the `}`, or \
         move the lines to where they belong."
    NotText = "E0215" fatal "a value that is no text"
        "The word has bytes that are not UTF-8, or a zero byte. Names, paths and commands are \
         text here; only a password may be any bytes.\n\nSave the file as UTF-8, or mend the \
         escapes in the quotes."
    BlockTooLarge = "E0216" fatal "a block that is too large"
        "No block is this long, so a file of another kind is read, or a `~SEQ` within the block \
         has an end that is too high. To read it could take more memory than there \
         is.\n\nMake several blocks of it if it is meant."
    TooManyFindings = "E0217" fatal "more findings than anybody reads"
        "Reading ended here, because there are so many findings already. What is behind may \
         have errors, or instances that nobody has looked at, so nothing starts, also if all \
         findings are warnings.\n\nMend the first ones. If nearly every line has one, this is \
         no keepalived.conf."
    ForeignComment = "E0218" fatal "a comment of another language, with braces"
        "A comment begins with `#` or `!`. `//` is a word like any other, so the braces behind it \
         count: keepalived takes the next lines for a part of another block, and leaves them \
         out.\n\nWrite `#` instead of `//`. The rest of the file is checked as if it were there."
    NotANumber = "E0301" tolerated "a value that is not a number"
        "The keyword takes a whole number in decimal digits: no unit, no sign of another \
         language such as `;`, no variable without a definition. Without the number the default \
         would hold, and a router with a default priority or VRID may be master when it should \
         not.\n\nWrite the number alone."
    OutOfRange = "E0302" tolerated "a value out of range"
        "The value is none that the protocol or the kernel can carry. keepalived ignores such a \
         line, and starts the router with the default.\n\nUse a value in the range that is \
         shown."
    NotATime = "E0303" tolerated "a value that is not a time"
        "Times are numbers of seconds (in `bfd_instance` of milliseconds), with decimals where \
         need be and without a unit: `1`, `0.25`. Without it the default would hold, and \
         members with different intervals do not accept each other in version 2.\n\nWrite the \
         number alone: `0.1` for 100 ms."
    NotABoolean = "E0304" tolerated "a value that is not a truth value"
        "Truth values are `on`, `true`, `yes` and `off`, `false`, `no`, in small letters. \
         Anything else would leave the default, which may be the opposite of what was \
         meant.\n\nUse one of them."
    NotAnAddress = "E0305" tolerated "a value that is not an address of the kind wanted"
        "An IPv4 address has four numbers of 0 to 255 without leading zeros, an IPv6 address \
         groups of hexadecimal digits. Names of hosts are not looked up: that could block, or \
         change, at the worst time. A multicast group is a multicast address.\n\nMend the \
         address; an address that is left out is one that nobody can reach."
    BadPrefix = "E0306" tolerated "a prefix of impossible length"
        "The number behind the `/` is the length of the network's prefix in bits: 0 to 32 for \
         IPv4, 0 to 128 for IPv6; a netmask is none. Without it, the address is a host's, /32 \
         or /128, and neighbours of its network are not reached from it.\n\nWrite the length: \
         `/24` for 255.255.255.0."
    NotAChoice = "E0307" tolerated "a value that is none of those possible"
        "The keyword takes one of a few words, spelt exactly as listed, capitals included. For \
         any other word keepalived takes the default: `state master` is BACKUP.\n\nUse one of \
         the words."
    BadInterface = "E0308" fatal "a text that cannot name an interface"
        "The kernel's interface names have 1 to 15 bytes and no `/`, `:` or white space, so no \
         interface of this name can ever exist, and the instance would be in FAULT for \
         ever.\n\nMend the name. `eth0:1` is no interface but a label of an address: write \
         `eth0`, and `label eth0:1` behind the address."
    UnknownOption = "E0309" tolerated "an unknown option"
        "The word is none of the options that can stand behind such an item, so nobody knows \
         whether the next word is its value. keepalived would ignore it, or the item.\n\nMend \
         or remove it. The device of an address has `dev` before it, a weight `weight`."
    BadCommand = "E0310" tolerated "a command that cannot be run"
        "A command is a program and its arguments, separated by white space; quotes within it \
         join words, and are closed.\n\nMend the command: \
         `\"/usr/bin/check 'two words' one\"`."
    BadQuorum = "E0311" tolerated "a number of processes that is never right"
        "At least `quorum` processes must run and at most `quorum_max`. With a maximum below the \
         minimum the process is never up.\n\nRaise `quorum_max` or lower `quorum`."
    OptionWithoutValue = "E0312" tolerated "an option without its value"
        "The word is an option that needs a value behind it, on the same line. Without it, the \
         option or the whole item would be ignored.\n\nAdd the value, or remove the option."
    Required = "E0401" fatal "a required setting is missing"
        "Without it, the block has no meaning, and there is no default that could be right for \
         everybody: a guessed interface or VRID could disturb another router.\n\nAdd a line \
         with it to the block."
    UnknownReference = "E0402" tolerated "a reference to something that does not exist"
        "The name is not defined anywhere in the configuration. Ignoring it would start a router \
         that is blind to what it should track. Definitions may stand before or behind their \
         uses.\n\nMend the name, or define it."
    SameRouter = "E0403" fatal "one virtual router twice"
        "On one interface and in one family, a VRID belongs to one virtual router. Two \
         instances with it would take each other's adverts for those of other machines, and \
         give way to each other.\n\nGive one of them another `virtual_router_id`, on all \
         machines. Instances on different interfaces may share one."
    MixedFamilies = "E0404" tolerated "addresses of two families"
        "An advert carries addresses of one family, and goes out in a packet of that family; a \
         route and a rule are of one family too.\n\nPut the other addresses into \
         `virtual_ipaddress_excluded`, where they move along without being advertised, or make \
         a second instance, which may have the same VRID."
    Ipv6InV2 = "E0405" tolerated "IPv6 in VRRPv2"
        "Version 2 is defined for IPv4 only; what keepalived sends instead, no other router \
         understands.\n\nLeave `version` out: IPv6 addresses imply version 3."
    AuthInV3 = "E0406" tolerated "authentication in VRRPv3"
        "Version 3 has no field for it. Routers that expect it would drop the adverts, and both \
         sides become master.\n\nRemove the `authentication` block, or use version 2 on all \
         routers."
    BadInterval = "E0407" tolerated "an interval that the version cannot carry"
        "VRRPv2 carries whole seconds, 1 to 255; VRRPv3 hundredths of a second, 0.01 to 40.95. \
         A rounded interval differs from what the operator believes, and a version 2 router \
         drops adverts with another interval than its own.\n\nUse an interval that fits, or \
         version 3 on all routers: both versions do not understand each other."
    BadWeight = "E0408" tolerated "a weight out of range"
        "Priorities are 1 to 254, so a weight beyond ±253 (±254 for processes and files) means \
         nothing more than the limit does.\n\nUse a weight within the range."
    NotSupportedYet = "E0409" fatal "something that vrrpd does not do yet"
        "The configuration is sound, and asks for something without which another router could \
         be master, or another address be up, than it says. Starting without it would be worse \
         than not starting.\n\nRemove the setting, or stay with keepalived for this router \
         until vrrpd supports it."
    NoAddressesV3 = "E0410" tolerated "a VRRPv3 router without addresses"
        "A version 3 advert carries at least one address (RFC 9568 §5.2.5): receivers drop one \
         without.\n\nAdd a `virtual_ipaddress` block."
    TooManyAddresses = "E0411" fatal "more addresses than an advert can carry"
        "The number of addresses has one byte in the packet.\n\nPut all but the first 255 into \
         `virtual_ipaddress_excluded`: they move along without being advertised."
    TwoGroups = "E0412" fatal "an instance in two sync groups"
        "The members of a sync group change state together, so an instance in two of them ties \
         both together.\n\nMake one group of them, or remove the instance from one."
    IncompleteAuthentication = "E0413" tolerated "authentication that is not complete"
        "It needs both `auth_type` and `auth_pass`. Without one of them keepalived sends adverts \
         without any, which routers with authentication drop.\n\nAdd what is missing, or remove \
         the block."
    IncompleteDefinition = "E0414" tolerated "a definition that lacks what it defines"
        "The block has a name and not what the name stands for. keepalived drops the block and \
         all that refers to it, so the router is blind to what it should track.\n\nAdd the \
         setting."
    BadRouting = "E0415" tolerated "a route or a rule that cannot be"
        "A route has one destination and one kind, and its next hops lead somewhere; a rule does \
         one thing, and goes only to a rule behind it. keepalived leaves the line out, or the \
         kernel refuses it, and the router is master without it.\n\nMend the line."
    NotTrackable = "E0416" tolerated "a route or a rule that cannot be tracked"
        "An instance is in FAULT when somebody removes what it installed, unless the line has \
         `no_track`. That needs the name of the device of a route, and that routes and rules \
         bear the mark of keepalived.\n\nAdd `dev`, take `protocol` away, or add `no_track`."
    NoPreference = "E0417" tolerated "a rule without a preference"
        "Rules are tried in the order of their preferences. Without one, the place among the \
         others depends on when instances became master.\n\nAdd `preference NUMBER`."
    PeerPrefix = "E0418" tolerated "a prefix beside a peer"
        "An address with a `peer` is one host's, and so is the peer. keepalived ignores the prefix \
         of such an address, and ignores a peer with a prefix.\n\nWrite both addresses alone."
    AgainstStrict = "E0419" tolerated "a setting that strict mode forbids"
        "`vrrp_strict` and `strict_mode` hold a router to the letter of RFC 3768 and RFC 5798: no \
         unicast, no authentication, addresses, of IPv6 a link-local one first, `state MASTER` for \
         the owner and for nobody else, no `preempt_delay`, three missed adverts, and while it is \
         master neither advert nor announcement in answer to a losing one; version 2 has no \
         `accept`.\n\nRemove the setting that is marked, or do without strict mode."
    SameKeyNumber = "E0420" fatal "two keys with one number"
        "A signed advert names its key by number. With two keys of one number it would depend on \
         their order which of them is meant, and a router that has the other one refuses all that \
         is signed.\n\nGive one of them another number, the same on all routers."
    TwoAuthentications = "E0421" fatal "two kinds of authentication"
        "Adverts are authenticated by `authentication` or by `auth_hmac`; there is no advert with \
         both.\n\nRemove one of the blocks."
    IncludeMissing = "W0501" doubt "an include line that includes nothing"
        "The file that an `include` line names does not exist or cannot be read. Plain `include` \
         allows that, and it is rarely meant.\n\nMend the path, or use `includea` to have an \
         error."
    UndefinedVariable = "W0502" doubt "a variable that is not defined"
        "`$NAME` and `${NAME}` are replaced by the value of a variable that is defined further \
         up. Without a definition they stay as they are, which is right for a shell's variable \
         in a script, and wrong for a typing error.\n\nDefine it, or mend the name."
    KeywordAsArgument = "W0503" doubt "a keyword that is an argument"
        "All of a line belongs to its first word, also in a block on one line: \
         `{ process httpd weight 10 }` is the process `httpd` with two arguments.\n\nWrite each \
         setting on a line of its own, or put the word in quotes if it is meant."
    NoEffectYet = "W0504" doubt "a setting without effect as yet"
        "vrrpd understands the setting and does not act on it yet. Who is master and which \
         addresses are up does not depend on it.\n\nNothing needs to be done. If what it does \
         matters to you, keep keepalived for this router; remove the line to be rid of the \
         warning."
    NotOurs = "W0505" doubt "a part of keepalived that is not VRRP"
        "IPVS, its health checkers, SNMP, D-Bus and mail are not done by vrrpd. What belongs to \
         them is skipped up to its closing brace; the first such line of each part is named.\n\nKeep it in a file of its own for the \
         program that does it."
    NoAddresses = "W0506" doubt "a router without addresses"
        "The instance takes part in elections and moves no address. Some do that on purpose, to \
         run a script on the master.\n\nAdd a `virtual_ipaddress` block."
    Unused = "W0507" doubt "a definition without a use"
        "No instance and no group tracks it, so it is not run, read or watched at all: a check \
         that somebody counts on may do nothing.\n\nName it in a `track_script`, \
         `track_process`, `track_file` or `track_bfd` block of an instance, or remove it."
    NopreemptMaster = "W0508" doubt "`nopreempt` without effect"
        "`state MASTER` and priority 255 both switch `nopreempt` off: the router takes over from \
         a worse one as soon as it is back.\n\nWrite `state BACKUP` on all routers."
    PreemptDelayMaster = "W0509" doubt "`preempt_delay` without effect"
        "`state MASTER` and `nopreempt` both leave nothing to delay.\n\nWrite `state BACKUP`, or \
         remove the delay."
    LongPassword = "W0510" doubt "a password longer than 8 bytes"
        "The packet has room for 8 bytes. The rest protects nothing, and two passwords with the \
         same beginning are the same.\n\nShorten it, on all routers."
    StrictNoAccept = "W0511" doubt "addresses that do not answer"
        "In strict mode only the owner of the addresses, with priority 255, accepts packets to \
         them: no ping, no service. That is right for the address of a gateway.\n\nWrite \
         `no_accept` if it is meant. Otherwise add `accept`, which takes version 3, or remove \
         `vrrp_strict` or `strict_mode`."
    WeightOfOwner = "W0512" doubt "a weight that changes nothing"
        "The priority of the address owner is fixed at 255, so weights neither raise nor lower \
         it.\n\nUse weight 0, with which a failure means FAULT, or a priority below 255."
    GroupOfOne = "W0513" doubt "a sync group of one"
        "A sync group makes its members change state together; with one member it does \
         nothing.\n\nAdd the other members, or remove the group."
    NothingConfigured = "W0514" doubt "a configuration without an instance"
        "There is nothing to do for a VRRP daemon. Is this the right file, are its includes \
         found, and do `@id` lines choose what they should?\n\nAdd a `vrrp_instance`."
    NotUtf8 = "W0515" doubt "bytes that are not UTF-8"
        "Comments may have any bytes, and a password keeps those that it has. In other values \
         they are an error of their own.\n\nSave the file as UTF-8, but look at passwords: in \
         UTF-8 they are other bytes than before."
    PasswordEscape = "W0518" doubt "a backslash in a quoted password"
        "In quotes, a backslash begins an escape, as in all quoted text. keepalived 2.2.7 takes \
         it as it stands in passwords, so a member that runs it would send another \
         password.\n\nWrite the password without quotes: there a backslash is a \
         backslash."
    NameWithSign = "W0519" doubt "a name that ends in punctuation"
        "No `;` or `,` ends a line in this language, so the character is part of the name: \
         `interface eth0;` waits in FAULT for an interface `eth0;` that nobody will ever \
         make.\n\nRemove the character, or put the name in quotes if it is meant."
    OldForm = "W0516" doubt "an old form of an option"
        "It means what it always meant, and keepalived calls it deprecated.\n\nUse the new \
         form."
    RaisedTime = "W0517" doubt "a time that is raised to 200 ms"
        "`rtt`, `rttvar` and `rto_min` of a route are at least 200 ms. Without a unit they are \
         eighths of a millisecond, quarters of one, and milliseconds.\n\nWrite a number with \
         `ms` behind it, 200 or more."
    IdlePrefix = "W0520" doubt "a prefix length that means nothing"
        "A source and a peer are single addresses: what stands behind the `/` is ignored, here as \
         by keepalived.\n\nWrite the address alone."
    SharedAddress = "W0521" doubt "an address of two instances on one interface"
        "Each instance adds its addresses when it becomes master and takes them off when it no \
         longer is, whatever the other one does: the address is gone while the other instance is \
         still master, and while the two are master on different machines, both machines have \
         it.\n\nLeave the address to one of the instances."
    HiddenComment = "W0522" doubt "a comment within a word"
        "Outside of quotes, `#` and `!` begin a comment wherever they stand, here as with \
         keepalived: `auth_pass S3cr!t` is the password `S3cr`.\n\nPut the word in quotes if the \
         sign belongs to it: then keepalived on the other nodes has to have the quotes too. If it is \
         a comment, put a space before it."
    WordBehindFlag = "W0523" doubt "a word behind a flag"
        "The keyword switches something on, and takes no value. keepalived ignores what is behind \
         it, and so does vrrpd: also behind `off` or `0` it is on.\n\nWrite the keyword alone, or \
         remove the line if it is to be off."
    SaidTwice = "W0524" doubt "the same thing said twice"
        "A line or a block is there twice, word for word. It means what it means once; but whoever \
         changes one of the two later changes nothing, or makes an error of it.\n\nRemove one."
    Untracked = "W0525" doubt "a route that nobody watches"
        "An instance is in FAULT when somebody removes what it installed. keepalived knows its \
         routes again by the name of their device, and does not track one without, as if it had \
         `no_track`.\n\nName the device with `dev`, or add `no_track`."
    ShellSyntax = "W0526" doubt "shell syntax in a command that no shell runs"
        "A command is a program with its arguments, run without a shell: `|`, `&&`, `>` and the \
         like are arguments of the program, here as with keepalived. A check with `|| exit 1` fails \
         for another reason than it says, or never.\n\nPut the line into a script, or write \
         `\"/bin/sh -c '…'\"`."
    OwnInterface = "W0527" doubt "an instance that tracks its own interface"
        "An instance is in FAULT while its own interface is down, so a weight for it could never \
         count, and keepalived leaves the line out.\n\nRemove the line. If the interface is not to \
         count, there is `dont_track_primary`."
    PasswordCut = "W0528" doubt "a password that a comment cuts"
        "Outside of quotes, `#` and `!` begin a comment wherever they stand, so the password ends \
         before the first of them, here as with keepalived: the rest protects nothing, and all \
         members have to be cut in the same way.\n\nChoose another password, on all routers; or \
         put it in quotes, which changes it, so on all routers at once. To keep what is sent, write \
         what is in front of the sign."
    OwnPeer = "W0529" doubt "a peer that is the router itself"
        "The address is the one that the router's own adverts come from. keepalived would send \
         them to itself, and warn of each; vrrpd leaves the peer out.\n\nRemove it, or write the \
         list with `@^id` so that each machine leaves itself out."
    FirstNotLinkLocal = "W0530" doubt "an IPv6 router whose first address is not link-local"
        "The first address of an IPv6 advert is to be a link-local one (RFC 9568 \u{a7}5.2.9): it is \
         what hosts have as the address of their router. keepalived and vrrpd send the addresses \
         as they stand here, and take such adverts; another router may drop \
         them.\n\nPut a link-local address, the same on all machines, before the others. Where no \
         host uses the addresses as its router, it does no harm as it is."
    WeightInGroup = "W0531" doubt "a weight that counts as a fault"
        "The members of a sync group change state together, so their priorities are not to differ \
         by what one of them tracks: without `sync_group_tracking_weight` every tracker of a \
         member, or of the group, has weight 0, here as with keepalived. A failure means FAULT for \
         all members, and so does any number but 0 in a tracked file.\n\nWrite `weight 0` if that \
         is meant, or `sync_group_tracking_weight` in the group."
    DelayCut = "W0532" doubt "an interface delay that is cut"
        "While an interface is down and does not count as that yet, its instances hear nothing, and \
         are not heard. After as many advertisement intervals as `down_timer_adverts` says they would \
         become master, or their peers would. So a delay is cut, here as with keepalived, to one \
         interval less, and again where a master with a shorter interval is heard.\n\nTake a shorter \
         delay, or a longer `advert_int`."
    ClusterVrid = "E0601" fatal "members with different VRIDs for one virtual router"
        "Routers find each other by the VRID. With two of them, each member is alone, both are \
         master, and both have the addresses.\n\nUse one `virtual_router_id` on all members."
    ClusterVersion = "E0602" fatal "members with different versions for one virtual router"
        "A router drops adverts of another version, so both become master.\n\nUse one `version` \
         on all members."
    ClusterInterval = "E0603" fatal "members with different intervals in VRRPv2"
        "A version 2 router drops adverts with another interval than its own, so both become \
         master.\n\nUse one `advert_int` on all members."
    ClusterAuthentication = "E0604" fatal "members with different authentication"
        "A router drops adverts that do not authenticate as its own do, so both become \
         master.\n\nUse the same `authentication` block on all members."
    ClusterUnicast = "E0605" fatal "members that do not send to each other"
        "A unicast router hears only those that have it among their `unicast_peer`, and a \
         multicast router hears no unicast one. Who hears nobody becomes master.\n\nName each \
         member's `unicast_src_ip` among the peers of all others."
    ClusterOwners = "E0606" fatal "two owners of one virtual router"
        "Priority 255 says that the addresses belong to the router itself, which cannot be true \
         of two.\n\nGive all but one a lower priority."
    ClusterSource = "E0607" fatal "members that send from one address"
        "An address belongs to one machine. A router drops adverts that come from an address of \
         its own, so both become master; most often one file was copied to the other \
         machine.\n\nGive each member its own address as `mcast_src_ip` or `unicast_src_ip`, or \
         leave the line out of a multicast router."
    ClusterFamily = "E0608" fatal "members of different families for one virtual router"
        "The IPv4 and the IPv6 router of one VRID are two routers that know nothing of each \
         other, so nobody takes over from either.\n\nConfigure both families on all members, \
         with an instance for each."
    ClusterIntervalV3 = "W0651" doubt "members with different intervals in VRRPv3"
        "A version 3 backup learns the interval of the master, so a takeover takes another time \
         depending on who was master.\n\nUse one `advert_int` on all members."
    ClusterAddresses = "W0652" doubt "members with different addresses"
        "An address that only one member has moves nowhere when that member fails, and one with \
         another prefix takes other routes with it. vrrpd goes on with a warning; some other \
         routers drop such adverts, and both become master.\n\nList the same addresses on all \
         members, advertised or excluded alike; their order means nothing. During a change, \
         expect the warning."
    ClusterChecksum = "W0653" doubt "members with different checksums"
        "vrrpd accepts both forms of the version 3 checksum over IPv4. Other routers accept one: \
         they become master beside one that sends the other form.\n\nSet `v3_checksum_as_v2` \
         the same everywhere."
    ClusterEqual = "W0654" doubt "members with the same priority"
        "Who is master then depends on who started first and on the addresses, and differs from \
         one time to the next. What trackers add while nothing is wrong is counted, and a sum \
         beyond 254 is 254.\n\nGive each member a priority of its own; to keep a returning \
         router from taking over, use `nopreempt`."
    ClusterWeight = "W0655" doubt "weights that never change who is master"
        "Whatever else has failed, the failure of the tracker leaves its member above the others, \
         or only as low as the next one, which does not take over from an equal. So it achieves \
         nothing.\n\nMake the weight larger than the difference of the priorities, or 0: then a \
         failure means FAULT."
    ClusterSharedFault = "W0656" doubt "a failure that leaves nobody as master"
        "All members check the same remote host with weight 0. When that host fails, all of them \
         are in FAULT, and nobody has the addresses.\n\nGive the check a weight, so that the \
         best of them stays master."
    ClusterAlone = "W0657" doubt "a virtual router with one member"
        "No other file has it, so nobody takes over when this member fails.\n\nConfigure it on \
         another member, or check the VRID, the addresses and the name if it should be there."
    ClusterNopreempt = "W0658" doubt "`nopreempt` that holds a failover back"
        "With `nopreempt`, a router never takes over from a master that is still there, also \
         when trackers have lowered that master's priority below its own. Only a master that \
         stops or is in FAULT is replaced.\n\nUse trackers with weight 0 on the others, or \
         `preempt_delay` instead of `nopreempt`."
    ClusterTie = "W0659" doubt "a failure that leaves two members equal"
        "A router does not take over from one of the same priority, so the addresses stay where \
         the failure is. If both should be master at once, the higher of their own addresses \
         wins, which nobody planned.\n\nMake the weight larger by one, or use one weight on all \
         members."
    ClusterMasters = "W0660" doubt "`state MASTER` on several members"
        "The priorities decide who is master, so all but one of these lines are mistaken about \
         it. `state MASTER` has side effects: it switches `nopreempt` and `preempt_delay` off, and \
         without a priority it means 255.\n\nWrite `state BACKUP` on all but the member with the \
         highest priority."
    ClusterDelay = "W0661" doubt "`preempt_delay` that holds a failover back"
        "The delay holds for every master that is worse, also for one whose trackers have \
         lowered its priority: it is meant for a router that returns, and delays this failover \
         too. A master that stops or is in FAULT is replaced without it.\n\nUse trackers with \
         weight 0, or give the delay to the member with the highest priority only."
    ClusterUnsettled = "W0662" doubt "intervals with which two may be master again and again"
        "A router that leaves losing adverts unanswered (`lower_prio_no_advert`, or an owner with \
         `owner_ignore_adverts`) advertises less often than another one. Backups learn the \
         interval from whom they heard last: if that was the loser, they take over before the \
         winner's next advert, give way to it, and may do the same again.\n\nUse one \
         `advert_int` on all members."
    ClusterRoutes = "W0663" doubt "members with different virtual routes"
        "A route that only some members move is gone while another one is master. Destinations \
         are compared; gateways and interfaces may be each machine's own, and it does not matter \
         which instance of a member has the route.\n\nList the same destinations in \
         `virtual_routes` on all members."
    ClusterMac = "W0664" doubt "members with different MAC addresses for the addresses"
        "With `use_vmac`, the addresses keep their MAC address when another member takes over, \
         and neighbours need not notice. That holds only if all members have it: with another \
         MAC address on one of them, neighbours that miss or ignore the announcement send to the \
         wrong one.\n\nWrite `use_vmac` alike on all members, or on none."
    ClusterOutranked = "W0665" doubt "`state MASTER` on a member with a lower priority"
        "`state MASTER` does not decide who is master: the highest priority does. The member that \
         has the line will be master only until the other one is there, so either the line or \
         one of the priorities is not what was meant; most often one of two files is the older \
         one.\n\nMend the priorities, or write `state MASTER` on the member that has the highest, or \
         nowhere."
    SystemInterface = "W0701" doubt "an interface that this machine does not have"
        "An instance whose interface does not exist is in FAULT until it comes; a tracked one \
         counts as down. That is right for an interface that is made later, and a typing error \
         otherwise.\n\nMend the name, or make the interface."
    SystemProgram = "W0702" doubt "a program that cannot be run here"
        "A check script that cannot be started has failed, which lowers the priority or puts the \
         instance in FAULT; a notify program that cannot be started tells nobody. What counts is \
         the user that runs it: the command's own, `script_user`, `keepalived_script` if there is \
         one, or the daemon's.\n\nMend the path, or install the program, and let its user reach \
         and execute it."
    SystemWritable = "W0703" doubt "a program that others can change"
        "Whoever can write to the file, or to a directory on the way to it, or owns one of them, \
         decides what the daemon runs. Nobody but root and the user that runs the program should \
         be able to.\n\nTake the write permission from group and others (`chmod go-w`), and give \
         the file to root."
    SystemUser = "W0704" doubt "a user or group that this machine does not have"
        "The daemon does not start with a check script whose user does not exist, and a notify \
         program without its user tells nobody.\n\nMend the name, or make the user."
    SystemKeyFile = "W0705" doubt "a key file that cannot be used here"
        "The daemon does not start, or keeps its configuration at a reload, if a key file of \
         `auth_hmac` is not there, has not 32 to 64 bytes, or can be read or changed by others \
         than root and the daemon's user.\n\nMend the path, or give the file to root and take the \
         permissions of group and others away (`chmod go=`)."
}

impl Code {
    /// Error for a code that begins with `E`, warning for `W`, but for what belongs to other
    /// programs: that is a note.
    pub const fn severity(self) -> Severity {
        match (self, self.as_str().as_bytes()[0]) {
            (Self::NotOurs, _) => Severity::Note,
            (_, b'E') => Severity::Error,
            _ => Severity::Warning,
        }
    }
}

impl Code {
    /// What lenient mode does where keepalived goes on too, behind "in lenient mode".
    pub const fn leniently(self) -> Option<&'static str> {
        Some(match self {
            Self::IncludeFailed | Self::BadRepetition => "the line is left out",
            Self::UnknownKeyword | Self::Misplaced => "it is ignored, with the block it begins",
            Self::StrayBrace => "the brace is ignored",
            Self::TrailingWords => "they are ignored",
            Self::Duplicate | Self::DefinedTwice => "the first one counts",
            Self::UnclosedAtEnd => "the block ends with the file",
            Self::BadPrefix => "the address is that of a host",
            Self::MixedFamilies => "it is left out",
            Self::Ipv6InV2 => "version 2 is kept",
            Self::AuthInV3 => "the block is ignored",
            Self::NoAddressesV3 => "the router runs without addresses",
            Self::IncompleteAuthentication => "adverts carry no authentication",
            Self::IncompleteDefinition => "the block is ignored, and so is what refers to it",
            Self::BadWeight => "one beyond the limit is the limit, and others are ignored",
            Self::BadQuorum => "it is kept, and never up",
            Self::BadRouting => "the line is left out",
            Self::NoPreference => "it has 16384, and the next one less",
            Self::NotANumber
            | Self::OutOfRange
            | Self::NotATime
            | Self::NotABoolean
            | Self::NotAnAddress
            | Self::NotAChoice
            | Self::UnknownOption
            | Self::OptionWithoutValue
            | Self::BadCommand
            | Self::UnknownReference => "it is ignored",
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
