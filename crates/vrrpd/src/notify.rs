//! What events set going outside the protocol: log lines and notify programs.
//!
//! Routers hand over what happened as data and go on; formatting, logging and starting programs
//! is this thread's work.

use std::io;
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
    thread: JoinHandle<Runner>,
    programs: Arc<Mutex<NotifyPrograms>>,
}

impl Notifier {
    /// Starts it; events go into `log` too. It ends when no more events can come.
    pub(crate) fn start(
        events: Events,
        runner: Runner,
        users: Arc<Users>,
        log: EventLog,
    ) -> io::Result<Self> {
        let programs = Arc::<Mutex<NotifyPrograms>>::default();
        let shared = Arc::clone(&programs);
        let read = move || {
            let mut reader = Reader { runner, users, programs: shared, log, last_number: 0 };
            events.for_each(|event| reader.read(event));
            reader.runner
        };
        let thread =
            thread::Builder::new().name("notify".into()).stack_size(STACK_BYTES).spawn(read)?;
        Ok(Self { thread, programs })
    }

    /// The programs that run now. Nothing is run while somebody holds them.
    pub(crate) fn programs(&self) -> MutexGuard<'_, NotifyPrograms> {
        lock(&self.programs)
    }

    /// Waits, once no more events can come, for what still has to be told and, up to `limit`, for
    /// the programs that run.
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

struct Reader {
    runner: Runner,
    users: Arc<Users>,
    programs: Arc<Mutex<NotifyPrograms>>,
    log: EventLog,
    last_number: u64,
}

impl Reader {
    fn read(&mut self, event: Event) {
        let lost = event.number - self.last_number - 1;
        self.last_number = event.number;
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
