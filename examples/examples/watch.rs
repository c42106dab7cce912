//! Watches the number in a file and a process, and prints what becomes of them, until interrupted.
//!
//! ```text
//! cargo run -p vrrp-examples --example watch -- /tmp/weight httpd
//! echo 5 > /tmp/weight
//! cp /bin/sleep /tmp/httpd; /tmp/httpd 10
//! ```

use std::error::Error;
use std::sync::mpsc;

use vrrp_track::{File, Matcher, Process, Trackers};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(path), Some(process), None) = (words.next(), words.next(), words.next()) else {
        return Err("two arguments: the path of a file and the name of a process".into());
    };
    let (sender, updates) = mpsc::channel();
    // Nobody listens any more when this program ends.
    let mut trackers = Trackers::new(move |update| drop(sender.send(update)));
    let file = File::new("file", path);
    let process = Process::new("process", Matcher::comm(process));
    trackers.reconfigure([file.into(), process.into()])?;

    for update in updates {
        println!("{update}");
        trackers.status().iter().for_each(|source| println!("  {source}"));
    }
    Ok(())
}
