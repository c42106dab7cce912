//! Two routers, a wire between them, and nothing else: the smallest embedding of `vrrp-fsm` and
//! `vrrp-proto`.
//!
//! The wire carries real VRRPv3 bytes from one to the other. The clock is a number that jumps to
//! whatever comes next. An embedder puts sockets, a real clock and the kernel in their place;
//! what each router is asked and told stays as it is here.
//!
//! `cargo run -p vrrp-examples --example two_routers`

use std::collections::VecDeque;
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_fsm::{Action, Config, Event, Heard, Influence, Instant, Router};
use vrrp_proto::{
    AddressList, Advert, Family, IpMeta, MAX_MESSAGE_LEN, Priority, Rules, Version, Vrid,
};

/// How long an advert takes from one router to the other.
const LATENCY: Duration = Duration::from_micros(150);

fn main() -> Result<(), Box<dyn Error>> {
    for line in story()? {
        println!("{line}");
    }
    Ok(())
}

/// What happens when the better router first loses its web server and later its power.
fn story() -> Result<Vec<String>, Box<dyn Error>> {
    let mut link = Link::new([("alpha", 244), ("beta", 240)])?;
    link.run_until(secs(10))?;
    link.tell(0, web_server(Influence::Weight(-10)))?;
    link.run_until(secs(20))?;
    link.tell(0, web_server(Influence::None))?;
    link.run_until(secs(30))?;
    link.nodes[0].powered = false;
    link.log(0, "loses power");
    link.run_until(secs(40))?;
    link.tell(1, Event::Shutdown)?;
    Ok(link.story)
}

fn web_server(influence: Influence) -> Event {
    Event::Tracker { name: "web_server".into(), influence }
}

const fn secs(secs: u64) -> Instant {
    Instant::from_micros(secs * 1_000_000)
}

/// One router with what belongs to it: its address, and the bytes that are on their way to it.
struct Node {
    name: &'static str,
    powered: bool,
    router: Router,
    address: IpAddr,
    inbox: VecDeque<(Instant, IpMeta, Vec<u8>)>,
}

impl Node {
    /// When something happens here next: an advert arrives, or the router's deadline comes.
    fn wakes(&self) -> Option<Instant> {
        let arrival = self.inbox.front().map(|(at, ..)| *at);
        let wakes = arrival.into_iter().chain(self.router.deadline()).min();
        wakes.filter(|_| self.powered)
    }

    /// The advert that has arrived by `now`, if there is one.
    fn take_arrived(&mut self, now: Instant) -> Option<(IpMeta, Vec<u8>)> {
        let (at, ..) = self.inbox.front()?;
        if *at > now {
            return None;
        }
        let (_, ip, message) = self.inbox.pop_front()?;
        Some((ip, message))
    }
}

/// The two of them, and their virtual router.
struct Link {
    now: Instant,
    vrid: Vrid,
    virtual_addresses: AddressList,
    nodes: [Node; 2],
    story: Vec<String>,
}

impl Link {
    fn new(members: [(&'static str, u8); 2]) -> Result<Self, Box<dyn Error>> {
        let mut number = 0;
        let nodes = members.map(|(name, priority)| {
            number += 1;
            let config = Config { priority: Priority::new(priority), ..Config::new(Version::V3) };
            Node {
                name,
                powered: true,
                router: Router::new(config),
                address: IpAddr::from([192, 0, 2, number]),
                inbox: VecDeque::new(),
            }
        });
        let mut link = Self {
            now: Instant::ZERO,
            vrid: Vrid::try_from(51)?,
            virtual_addresses: AddressList::from_addresses(
                Family::V4,
                [IpAddr::from([192, 0, 2, 100])],
            )?,
            nodes,
            story: Vec::new(),
        };
        for index in 0..link.nodes.len() {
            link.tell(index, Event::PrimaryAddress(Some(link.nodes[index].address)))?;
            link.tell(index, Event::Startup)?;
        }
        Ok(link)
    }

    /// Lets everything happen that happens before `end`.
    fn run_until(&mut self, end: Instant) -> Result<(), Box<dyn Error>> {
        while let Some((at, index)) = self.next().filter(|(at, _)| *at < end) {
            self.now = at;
            // What has arrived goes before the timer.
            match self.nodes[index].take_arrived(at) {
                Some((ip, message)) => self.receive(index, &ip, &message)?,
                None => self.tell(index, Event::Timer)?,
            }
        }
        self.now = end;
        Ok(())
    }

    /// When something happens next, and to whom.
    fn next(&self) -> Option<(Instant, usize)> {
        let wakes = self.nodes.iter().enumerate().map(|(index, node)| (node.wakes(), index));
        wakes.filter_map(|(at, index)| Some((at?, index))).min()
    }

    /// Tells a router what happened and does what it says.
    fn tell(&mut self, index: usize, event: Event) -> Result<(), Box<dyn Error>> {
        for action in self.nodes[index].router.handle(self.now, event) {
            match action {
                Action::SendAdvert { priority } => self.send(index, priority)?,
                Action::InstallAddresses => self.log(index, "takes 192.0.2.100"),
                Action::RemoveAddresses => self.log(index, "gives 192.0.2.100 up"),
                Action::Announce { rounds } => {
                    self.log(index, &format!("announces it {rounds} times"));
                }
                Action::Transition(transition) => self.log(index, &transition.to_string()),
                Action::PriorityChanged { from, to } => {
                    self.log(index, &format!("priority {from} to {to}"));
                }
                Action::Report(report) => self.log(index, &report.to_string()),
            }
        }
        Ok(())
    }

    /// Writes an advert and puts its bytes on the wire.
    fn send(&mut self, from: usize, priority: Priority) -> Result<(), Box<dyn Error>> {
        let Node { router, address, .. } = &self.nodes[from];
        let addresses = self.virtual_addresses.as_addresses();
        let interval = router.config().interval;
        let advert = Advert::new(Version::V3, self.vrid, priority, interval, addresses);
        let ip = IpMeta::multicast(*address);
        let mut buffer = [0; MAX_MESSAGE_LEN];
        let len = advert.write(&ip, &mut buffer)?;
        let arrival = self.now + LATENCY;
        self.nodes[1 - from].inbox.push_back((arrival, ip, buffer[..len].to_vec()));
        Ok(())
    }

    /// Reads an advert off the wire; one that breaks the rules would end here with its reason.
    fn receive(&mut self, to: usize, ip: &IpMeta, message: &[u8]) -> Result<(), Box<dyn Error>> {
        let addresses = self.virtual_addresses.as_addresses();
        let interval = self.nodes[to].router.config().interval;
        let rules = Rules::new(Version::V3, self.vrid, interval, addresses);
        let heard = match Advert::parse(message, ip, &rules) {
            Ok(Advert { priority, interval, .. }) => {
                Heard { source: ip.source, priority, interval }
            }
            Err(error) => {
                self.log(to, &format!("drops an advert: {error}"));
                return Ok(());
            }
        };
        self.tell(to, Event::Advert(heard))
    }

    fn log(&mut self, index: usize, line: &str) {
        self.story.push(format!(
            "{:>11}  {:<5}  {line}",
            self.now.to_string(),
            self.nodes[index].name
        ));
    }
}

#[test]
fn the_story_goes_as_it_should() {
    let story = story().expect("every advert can be written");
    let transitions: Vec<&str> =
        story.iter().map(|line| line.trim()).filter(|line| line.contains(" with ")).collect();
    let expected = [
        "0.000000 s  alpha  Initialize to Backup with priority 244: started",
        "0.000000 s  beta   Initialize to Backup with priority 240: started",
        "3.046875 s  alpha  Backup to Active with priority 244: no other router was heard",
        "10.062650 s  beta   Backup to Active with priority 240: \
         192.0.2.1 (priority 234) has the lower priority now",
        "10.062800 s  alpha  Active to Backup with priority 234: \
         192.0.2.2 (priority 240) has the higher priority",
        "20.109675 s  alpha  Backup to Active with priority 244: \
         192.0.2.2 (priority 240) has the lower priority now",
        "20.109825 s  beta   Active to Backup with priority 240: \
         192.0.2.1 (priority 244) has the higher priority",
        "32.172325 s  beta   Backup to Active with priority 240: \
         192.0.2.1 (priority 244) fell silent",
        "40.000000 s  beta   Active to Initialize with priority 240: stopped",
    ];
    assert_eq!(transitions, expected);
}
