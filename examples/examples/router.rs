//! A virtual router on a real interface, driven by a loop of its own.
//!
//! `cargo run -p vrrp-examples --example router -- eth0 51 100 192.0.2.100/24`
//!
//! A line on standard input ends it: it resigns and takes its address away.

use std::error::Error;

use rustix::event::{PollFd, PollFlags, poll};
use vrrp::{Host, VirtualRouter};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [interface, vrid, priority, address] = &words[..] else {
        return Err("usage: router INTERFACE VRID PRIORITY ADDRESS/LEN".into());
    };
    let router =
        VirtualRouter::new(interface, vrid.parse()?).priority(priority.parse()?).address(address);

    let mut host = Host::system()?;
    host.add(router)?;
    loop {
        let stdin = std::io::stdin();
        let mut waiting = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&host, PollFlags::IN)];
        poll(&mut waiting, None)?;
        if !waiting[0].revents().is_empty() {
            break;
        }
        host.turn()?;
        while let Some(event) = host.events().try_next() {
            println!("{event}");
        }
    }
    Ok(host.shutdown()?)
}
