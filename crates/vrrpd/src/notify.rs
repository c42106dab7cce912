//! What events set going outside the protocol: log lines and notify programs.
//!
//! Routers hand over what happened as data and go on; formatting, logging and starting programs
//! is this thread's work.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use vrrp::track::runner::{RunReport, Runner};
use vrrp::{Event, EventKind, Events, Severity};
use vrrp_conf::model::{Command, Notify};

use crate::setup::NotifyPrograms;
use crate::users::Users;
use vrrp_control::EventLog;
use vrrp_control::words::{self, Announced};

const STACK_BYTES: usize = 512 << 10;

/// The thread that reads the events.
pub(crate) struct Notifier {
    thread: JoinHandle<()>,
    runner: Arc<Runner>,
    /// The number of the last event that was read.
    read: Arc<AtomicU64>,
    programs: Arc<Mutex<NotifyPrograms>>,
}

impl Notifier {
    /// Starts it, with the event that comes after this number; events go into `log` too. It ends when
    /// no more events can come.
    pub(crate) fn start(
        events: Events,
        last_event: u64,
        runner: Runner,
        users: Arc<Users>,
        log: EventLog,
    ) -> io::Result<Self> {
        let programs = Arc::<Mutex<NotifyPrograms>>::default();
        let (runner, read) = (Arc::new(runner), Arc::new(AtomicU64::new(last_event)));
        log.go_on_from(last_event);
        let mut reader = Reader {
            runner: Arc::clone(&runner),
            users,
            programs: Arc::clone(&programs),
            log,
            read: Arc::clone(&read),
        };
        let work = move || events.for_each(|event| reader.read(event));
        let thread =
            thread::Builder::new().name("notify".into()).stack_size(STACK_BYTES).spawn(work)?;
        Ok(Self { thread, runner, read, programs })
    }

    /// Waits, at most so long, until everything up to this event has been told, and until no notify
    /// program is waiting or within its limit; says whether that is so.
    pub(crate) fn is_idle(&self, limit: Duration, last_event: u64) -> bool {
        let deadline = Instant::now() + limit;
        while self.read.load(Ordering::Acquire) < last_event {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.runner.drain(deadline) == 0
    }

    /// The programs that run now. Nothing is run while somebody holds them.
    pub(crate) fn programs(&self) -> MutexGuard<'_, NotifyPrograms> {
        lock(&self.programs)
    }

    /// Waits, once no more events can come, for what still has to be told and, up to `limit`, for
    /// the programs that run.
    pub(crate) fn finish(self, limit: Duration) {
        if self.thread.join().is_err() {
            log::error!("the notify thread has panicked");
            return;
        }
        let left = self.runner.drain(Instant::now() + limit);
        if left > 0 {
            log::warn!("{left} notify program(s) have not ended after {limit:?}: left behind");
        }
    }
}

struct Reader {
    runner: Arc<Runner>,
    users: Arc<Users>,
    programs: Arc<Mutex<NotifyPrograms>>,
    log: EventLog,
    /// The number of the last event.
    read: Arc<AtomicU64>,
}

impl Reader {
    fn read(&mut self, event: Event) {
        let number = event.number;
        let lost = number - self.read.load(Ordering::Relaxed) - 1;
        if lost > 0 {
            log::error!(
                "{lost} changes came faster than they could be told: neither logged nor notified"
            );
        }
        write_down(&event);
        if let (Some(router), Some(announced)) = (&event.router, Announced::by(&event.kind)) {
            self.run_programs(router, announced);
        }
        self.log.push(event);
        self.read.store(number, Ordering::Release);
    }

    fn run_programs(&self, router: &Arc<str>, mut announced: Announced) {
        let ((notify, is_removed), limit) = {
            let mut programs = lock(&self.programs);
            let has_ended = announced.state == words::STOP;
            let subject = (announced.kind, Arc::clone(router));
            (programs.of(&subject, has_ended), programs.limit)
        };
        let says_deleted = |notify: &Arc<Notify>| notify.say_deleted;
        let is_instance = announced.kind == words::INSTANCE;
        if is_removed && is_instance && notify.as_ref().is_some_and(says_deleted) {
            announced.state = words::DELETED;
        }
        let programs = notify.iter().flat_map(|notify| programs_of(notify, router, announced));
        for (command, more) in programs {
            self.start(limit, router, command, more);
        }
    }

    fn start(&self, limit: Duration, instance: &Arc<str>, command: &Command, more: Vec<String>) {
        let path = command.program().to_owned();
        let program = match self.users.program(command, more) {
            Ok(program) => program,
            Err(error) => return log::error!("({instance}) notify {path}: not run: {error}"),
        };
        let name = Arc::clone(instance);
        let reported = path.clone();
        let report = Box::new(move |report| match report {
            RunReport::Overran { .. } => {
                log::warn!("({name}) notify {reported}: {report}, the next one starts");
            }
            RunReport::Ended { ref outcome, .. } if outcome.is_success() => {}
            _ => log::warn!("({name}) notify {reported}: {report}"),
        });
        if let Err(error) = self.runner.run(instance, program, limit, report) {
            log::error!("({instance}) notify {path}: not run: {error}");
        }
    }
}

fn write_down(event: &Event) {
    let level = match event.kind.severity() {
        Severity::Info => log::Level::Info,
        Severity::Warning => log::Level::Warn,
        Severity::Error => log::Level::Error,
    };
    // What ends says so in its last event, and the reports of the state machine tell of losing
    // adverts now and then.
    let is_silent = match &event.kind {
        EventKind::Transition(_) => Announced::by(&event.kind).is_none(),
        EventKind::LoserHeard { .. } => true,
        _ => false,
    };
    let text = words::text(&event.kind);
    match &event.router {
        _ if is_silent => {}
        Some(router) => log::log!(level, "({router}) {text}"),
        None => log::log!(level, "{text}"),
    }
}

/// The programs of one change, in order, each with the arguments that come after its own.
fn programs_of<'a>(
    notify: &'a Notify,
    name: &str,
    announced: Announced,
) -> Vec<(&'a Command, Vec<String>)> {
    let own = match announced.state {
        words::MASTER => &notify.master,
        words::BACKUP => &notify.backup,
        words::FAULT => &notify.fault,
        words::STOP => &notify.stop,
        words::DELETED => &notify.deleted,
        words::MASTER_RX_LOWER_PRI => &notify.master_rx_lower_priority,
        _ => &None,
    };
    // That is no state: it has its program alone.
    let any = notify.any.as_ref().filter(|_| announced.state != words::MASTER_RX_LOWER_PRI);
    let own = own.iter().map(|command| (&command.value, Vec::new()));
    let priority = announced.priority.to_string();
    let any = any.map(|command| {
        let more = [announced.kind, name, announced.state, &priority].map(str::to_owned);
        (&command.value, more.into())
    });
    own.chain(any).collect()
}

fn lock(programs: &Mutex<NotifyPrograms>) -> MutexGuard<'_, NotifyPrograms> {
    programs.lock().unwrap_or_else(PoisonError::into_inner)
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
            notify_deleted /bin/d
            notify_master_rx_lower_pri "/bin/l one"
        }"#;
        let loaded = parse_str("test", text, &Options::default());
        let config = loaded.config.unwrap();
        let kind = words::INSTANCE;
        let programs = |state| {
            let announced = Announced { kind, state, priority: Priority::new(244) };
            let found = programs_of(&config.instances[0].notify, "VI_1", announced);
            found.iter().map(|(c, more)| (c.words.join(" "), more.join(" "))).collect::<Vec<_>>()
        };
        let expected = |own: &str, any: &str| {
            vec![(own.to_owned(), String::new()), ("/bin/n -q".to_owned(), any.to_owned())]
        };
        assert_eq!(programs("MASTER"), expected("/bin/m one", "INSTANCE VI_1 MASTER 244"));
        assert_eq!(programs("DELETED"), expected("/bin/d", "INSTANCE VI_1 DELETED 244"));
        let loser_heard = programs("MASTER_RX_LOWER_PRI");
        assert_eq!(
            loser_heard,
            [("/bin/l one".to_owned(), String::new())],
            "no state, no `notify`"
        );
    }
}
