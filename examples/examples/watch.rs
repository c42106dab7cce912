//! Watches the number in a file and a process, and prints what becomes of them, until interrupted.
//!
//! ```text
//! cargo run -p vrrp-examples --example watch -- /tmp/weight httpd
//! echo 5 > /tmp/weight
//! cp /bin/sleep /tmp/httpd; /tmp/httpd 10
//! ```

use std::error::Error;
use std::sync::mpsc;

use vrrp_track::file::{FileSource, FileTracker};
use vrrp_track::process::{Matcher, ProcessSource, ProcessTracker};
use vrrp_track::{Sink, Update};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(path), Some(process), None) = (words.next(), words.next(), words.next()) else {
        return Err("two arguments: the path of a file and the name of a process".into());
    };
    let (sender, updates) = mpsc::channel();
    let sink = || -> Sink {
        let sender = sender.clone();
        // Nobody listens any more when this program ends.
        Box::new(move |update: Update| drop(sender.send(update)))
    };
    let file = FileSource::new("file", path);
    let process = ProcessSource::new("process", Matcher::comm(process));
    let files = FileTracker::start(vec![file], sink())?;
    let processes = ProcessTracker::start(vec![process], sink())?;

    for update in updates {
        println!("{update}");
        for source in files.status().sources {
            let remarks = [source.problem, source.polled.map(|why| format!("polled: {why}"))];
            remarks
                .into_iter()
                .flatten()
                .for_each(|remark| println!("  {}: {remark}", source.name));
        }
        for source in processes.status().sources {
            source.warning.iter().for_each(|warning| println!("  {}: {warning}", source.name));
        }
        println!("  processes are noticed by {}", processes.status());
    }
    Ok(())
}
