//! What an instance's changes set going outside the protocol: log lines and notify programs.
//!
//! Instances hand over what happened as data and go on; formatting, logging and starting programs
//! is this thread's work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError, bounded};
use vrrp_conf::model::{Command, Global, Notify};
use vrrp_track::runner::{RunReport, Runner};

use crate::users::Users;
use crate::words::Told;

/// How many happenings wait to be told at the most; more are counted and lost.
const QUEUE_STORIES: usize = 16_384;
const STACK_BYTES: usize = 512 << 10;

/// Something that happened in an instance.
#[derive(Debug)]
pub(crate) enum Story {
    /// It changed its state, or found its first one.
    Transition { instance: Arc<str>, notify: Arc<Notify>, told: Told, line: Box<dyn Line> },
    /// Something to log, and nothing to run.
    Remark { instance: Arc<str>, level: log::Level, line: Box<dyn Line> },
    /// From now on a program may run this long before the next one of its instance starts.
    Limit(Duration),
}

/// A log line that is formatted when, and only if, it is written.
pub(crate) trait Line: std::fmt::Display + std::fmt::Debug + Send {}
impl<T: std::fmt::Display + std::fmt::Debug + Send> Line for T {}

/// Where instances put what happened. Never blocks.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    sender: Sender<Story>,
    lost: Arc<AtomicU64>,
}

impl Teller {
    /// Hands over what happened; counts it as lost where too much waits already.
    pub(crate) fn tell(&self, story: Story) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.sender.try_send(story)
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sets how long a program may run before the next one of its instance starts. Waits until
    /// there is room to say so: not for a thread that speaks the protocol.
    pub(crate) fn limit(&self, limit: Duration) {
        // Without a thread that tells there is nothing to limit.
        let _ = self.sender.send(Story::Limit(limit));
    }

    /// Logs a line under an instance's name.
    pub(crate) fn remark(&self, instance: &Arc<str>, level: log::Level, line: impl Line + 'static) {
        if log::log_enabled!(level) {
            let instance = Arc::clone(instance);
            self.tell(Story::Remark { instance, level, line: Box::new(line) });
        }
    }
}

/// The thread that tells.
pub(crate) struct Notifier {
    thread: JoinHandle<Runner>,
}

impl Notifier {
    /// Starts it. It ends when every [`Teller`] is gone.
    pub(crate) fn start(runner: Runner, users: Arc<Users>) -> io::Result<(Self, Teller)> {
        let (sender, stories) = bounded(QUEUE_STORIES);
        let lost = Arc::new(AtomicU64::new(0));
        let teller = Teller { sender, lost: Arc::clone(&lost) };
        let thread = thread::Builder::new().name("notify".into()).stack_size(STACK_BYTES).spawn(
            move || {
                let mut limit = Global::NOTIFY_TIMEOUT;
                for story in stories {
                    tell(&runner, &users, &mut limit, story);
                    report_lost(&lost);
                }
                runner
            },
        )?;
        Ok((Self { thread }, teller))
    }

    /// Waits, once every [`Teller`] is gone, for what still has to be told and, up to `limit`,
    /// for the programs that run.
    pub(crate) fn finish(self, limit: Duration) {
        let Ok(runner) = self.thread.join() else {
            log::error!("the notify thread has panicked");
            return;
        };
        let left = runner.drain(Instant::now() + limit);
        if left > 0 {
            log::warn!("{left} notify program(s) have not ended after {limit:?}: left behind");
        }
    }
}

fn tell(runner: &Runner, users: &Users, limit: &mut Duration, story: Story) {
    match story {
        Story::Transition { instance, notify, told, line } => {
            log::info!("({instance}) {line}");
            for (command, more) in programs(&notify, &instance, told) {
                start(runner, users, *limit, &instance, command, more);
            }
        }
        Story::Remark { instance, level, line } => log::log!(level, "({instance}) {line}"),
        Story::Limit(new) => *limit = new,
    }
}

fn report_lost(lost: &AtomicU64) {
    let lost = lost.swap(0, Ordering::Relaxed);
    if lost > 0 {
        log::error!(
            "{lost} changes came faster than they could be told: neither logged nor notified"
        );
    }
}

fn start(
    runner: &Runner,
    users: &Users,
    limit: Duration,
    instance: &Arc<str>,
    command: &Command,
    more: Vec<String>,
) {
    let path = command.program().to_owned();
    let program = match users.program(command, more) {
        Ok(program) => program,
        Err(error) => return log::error!("({instance}) notify {path}: not run: {error}"),
    };
    let name = Arc::clone(instance);
    let reported = path.clone();
    let report = Box::new(move |report| match report {
        RunReport::Overran { limit } => {
            log::warn!(
                "({name}) notify {reported}: still running after {limit:?}, the next one starts"
            );
        }
        RunReport::Postponed { why } => {
            log::warn!("({name}) notify {reported}: waits and will be tried again: {why}");
        }
        RunReport::Ended { outcome, .. } if outcome.is_success() => {}
        RunReport::Ended { outcome, took } => {
            log::warn!("({name}) notify {reported}: {outcome} after {took:.1?}");
        }
        other => log::warn!("({name}) notify {reported}: {other}"),
    });
    if let Err(error) = runner.run(instance, program, limit, report) {
        log::error!("({instance}) notify {path}: not run: {error}");
    }
}

/// The programs of one transition, in order, each with the arguments that come after its own.
fn programs<'a>(notify: &'a Notify, name: &str, told: Told) -> Vec<(&'a Command, Vec<String>)> {
    let own = match told.state {
        "MASTER" => &notify.master,
        "BACKUP" => &notify.backup,
        "FAULT" => &notify.fault,
        "STOP" => &notify.stop,
        _ => &None,
    };
    let own = own.iter().map(|command| (&command.value, Vec::new()));
    let priority = told.priority.to_string();
    let any = notify.any.iter().map(|command| {
        let more = ["INSTANCE", name, told.state, &priority].map(str::to_owned);
        (&command.value, more.into())
    });
    own.chain(any).collect()
}

#[cfg(test)]
mod tests {
    use vrrp_conf::{Options, parse_str};
    use vrrp_proto::Priority;

    use super::*;

    #[test]
    fn the_states_own_program_comes_first_and_the_general_one_gets_four_more_words() {
        let text = r#"vrrp_instance VI_1 {
            interface eth0
            virtual_router_id 51
            virtual_ipaddress { 192.0.2.100 }
            notify_master "/bin/m one"
            notify_backup /bin/b
            notify "/bin/n -q"
        }"#;
        let loaded = parse_str("test", text, &Options::default());
        let config = loaded.config.unwrap();
        let told = Told { state: "MASTER", priority: Priority::new(244) };
        let found = programs(&config.instances[0].notify, "VI_1", told);
        let found: Vec<_> =
            found.iter().map(|(c, more)| (c.words.join(" "), more.join(" "))).collect();
        let expected = [("/bin/m one", ""), ("/bin/n -q", "INSTANCE VI_1 MASTER 244")];
        assert_eq!(found, expected.map(|(own, more)| (own.to_owned(), more.to_owned())));
    }
}
