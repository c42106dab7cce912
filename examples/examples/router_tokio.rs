//! A virtual router on a real interface, one task of a program on tokio.
//!
//! `cargo run -p vrrp-examples --example router_tokio -- eth0 51 100 192.0.2.100/24`
//!
//! SIGTERM ends it: it resigns and takes its address away.

use std::error::Error;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use vrrp::{Host, VirtualRouter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [interface, vrid, priority, address] = &words[..] else {
        return Err("usage: router_tokio INTERFACE VRID PRIORITY ADDRESS/LEN".into());
    };
    let router =
        VirtualRouter::new(interface, vrid.parse()?).priority(priority.parse()?).address(address);

    #[expect(
        deprecated,
        reason = "its successor is `unsafe`; a host keeps its descriptor for good"
    )]
    let mut host = AsyncFd::with_interest(Host::system()?, Interest::READABLE)?;
    host.get_mut().add(router)?;
    let mut end = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = end.recv() => break,
            ready = host.readable_mut() => {
                let mut ready = ready?;
                ready.clear_ready();
                ready.get_inner_mut().turn()?;
            }
        }
        while let Some(event) = host.get_ref().events().try_next() {
            println!("{event}");
        }
    }
    Ok(host.into_inner().shutdown()?)
}
