//! The thread that watches processes.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::census::Census;
use super::connector::{Connector, Event};
use super::judge::Judge;
use super::{Detection, Process, ProcessSourceStatus, ProcessStatus, SCAN_INTERVAL};
use crate::handle::{BELL, Mailbox, Wanted, lock};
use crate::poll::Poller;
use crate::{Reading, Sink, SourceKind, Update};

/// The poller's token for the connector; those of pidfds are process ids, far below.
const CONNECTOR: u64 = BELL - 1;

pub(super) struct Engine {
    census: Census,
    sources: Vec<Wanted<Process>>,
    /// One for each source.
    judges: Vec<Judge>,
    link: Link,
    next_scan: Option<Instant>,
    hidden: Option<String>,
    poller: Poller,
    news: Vec<Update>,
    sink: Sink,
    status: Arc<Mutex<ProcessStatus>>,
    status_is_old: bool,
}

/// How starts and renames reach us.
enum Link {
    /// By scanning, until the connector has proven itself and if it does.
    Connector(Connector),
    /// By scanning, because of this.
    Scan(String),
    /// There is nothing to watch.
    Idle,
}

impl Engine {
    pub(super) fn new(
        census: Census,
        poller: Poller,
        sink: Sink,
        status: Arc<Mutex<ProcessStatus>>,
    ) -> Self {
        Self {
            census,
            sources: Vec::new(),
            judges: Vec::new(),
            link: Link::Idle,
            next_scan: None,
            hidden: None,
            poller,
            news: Vec::new(),
            sink,
            status,
            status_is_old: false,
        }
    }

    /// The thread's loop, until told to stop.
    pub(super) fn run(mut self, mailbox: &Mailbox<Process>) -> io::Result<()> {
        loop {
            for token in self.poller.wait(self.next_deadline())? {
                match token {
                    BELL => {
                        let mail = mailbox.take();
                        if mail.stop {
                            return Ok(());
                        }
                        if let Some(sources) = mail.sources {
                            self.reconfigure(sources);
                        }
                    }
                    CONNECTOR => self.read_connector(),
                    pid => self.census.ended(u32::try_from(pid).unwrap_or_default(), &self.poller),
                }
            }
            self.check_connector();
            self.scan_if_due();
            self.judge();
            self.report();
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let connector = match &self.link {
            Link::Connector(connector) => Some(connector.deadline()),
            Link::Scan(_) | Link::Idle => None,
        };
        self.judges.iter().filter_map(Judge::pending).chain(connector).chain(self.next_scan).min()
    }

    /// A source that has not changed keeps its judge, and with it its verdict and a delay under way.
    fn reconfigure(&mut self, sources: Vec<Wanted<Process>>) {
        let old = self.sources.drain(..).zip(self.judges.drain(..));
        let mut old: HashMap<Arc<str>, (Wanted<Process>, Judge)> =
            old.map(|(old, judge)| (Arc::clone(&old.source.name), (old, judge))).collect();
        let judge_of = |wanted: &Wanted<Process>| match old.remove(&wanted.source.name) {
            Some((same, judge)) if same == *wanted => judge,
            _ => Judge::default(),
        };
        self.judges = sources.iter().map(judge_of).collect();
        for Wanted { source, .. } in &sources {
            if let Some(warning) = source.warning() {
                log::warn!("{}: {warning}", source.name);
            }
        }
        self.census.set_sources(&sources, &self.poller);
        self.sources = sources;
        self.status_is_old = true;
        if self.sources.is_empty() {
            self.disconnect(Link::Idle);
        } else {
            // The first scan does not wait for the connector's proof, which takes a moment.
            self.scan_all();
            self.hidden = self.census.hidden();
            if matches!(self.link, Link::Idle) {
                self.connect();
            }
        }
    }

    fn connect(&mut self) {
        let connector = Connector::open(Instant::now()).and_then(|connector| {
            let added = self.poller.add(connector.fd(), CONNECTOR);
            added
                .map(|()| connector)
                .map_err(|e| format!("cannot wait for the process connector: {e}"))
        });
        self.link = match connector {
            Ok(connector) => Link::Connector(connector),
            Err(why) => Link::Scan(why),
        };
        self.plan_scan();
    }

    fn disconnect(&mut self, then: Link) {
        if let Link::Connector(connector) = std::mem::replace(&mut self.link, then) {
            self.poller.remove(connector.fd());
        }
        self.status_is_old = true;
        self.plan_scan();
    }

    fn read_connector(&mut self) {
        let Link::Connector(connector) = &mut self.link else { return };
        let was_proven = connector.is_proven();
        let batch = connector.read(Instant::now());
        let is_proven = connector.is_proven();
        if batch.overrun {
            log::info!("the process connector has dropped events: scanning /proc");
        }
        if let Some(why) = batch.failure {
            self.give_up_connector(why);
        } else if batch.overrun || is_proven != was_proven {
            // What came before its proof, or was dropped, it did not tell.
            self.status_is_old = true;
            self.scan_all();
        } else if is_proven {
            for event in batch.events {
                match event {
                    Event::Started(pid) => self.census.look_at(pid, &self.poller),
                    Event::Renamed(pid, comm) => {
                        let name = comm.split(|&byte| byte == 0).next().unwrap_or_default();
                        self.census.renamed(pid, name, &self.poller);
                    }
                }
            }
            self.plan_scan();
        }
    }

    fn check_connector(&mut self) {
        let Link::Connector(connector) = &mut self.link else { return };
        if let Err(why) = connector.deadline_passed(Instant::now()) {
            self.give_up_connector(why);
        }
    }

    fn give_up_connector(&mut self, why: String) {
        log::info!("{why}: scanning /proc every {SCAN_INTERVAL:?}");
        self.disconnect(Link::Scan(why));
        self.scan_all();
    }

    fn relies_on_connector(&self) -> bool {
        matches!(&self.link, Link::Connector(connector) if connector.is_proven())
    }

    fn scan_if_due(&mut self) {
        if self.next_scan.is_none_or(|at| at > Instant::now()) {
            return;
        }
        if self.relies_on_connector() {
            self.census.scan_those_without_pidfd(&self.poller);
        } else {
            self.census.scan(&self.poller);
            self.status_is_old = true;
        }
        self.next_scan = None;
        self.plan_scan();
    }

    fn scan_all(&mut self) {
        self.census.scan_all(&self.poller);
        self.status_is_old = true;
        self.next_scan = None;
        self.plan_scan();
    }

    /// Plans the next scan if one is needed and not planned yet. It comes after the interval, but a slow one
    /// does not take more than half the time.
    fn plan_scan(&mut self) {
        let needed = match self.link {
            Link::Idle => false,
            _ if self.relies_on_connector() => self.census.without_pidfd().is_some(),
            Link::Connector(_) | Link::Scan(_) => true,
        };
        let took = self.census.last_scan().map_or(Duration::ZERO, |(_, took)| took);
        let at = Instant::now() + SCAN_INTERVAL.saturating_sub(took).max(took);
        self.next_scan = needed.then(|| self.next_scan.unwrap_or(at));
    }

    fn judge(&mut self) {
        let now = Instant::now();
        let sources = self.sources.iter().map(|wanted| &wanted.source);
        for (place, (source, judge)) in sources.zip(&mut self.judges).enumerate() {
            let count = self.census.count(place);
            let before = (judge.count(), judge.pending(), judge.verdict());
            if let Some(verdict) = judge.observe(source, count, now) {
                let plural = if count == 1 { "" } else { "es" };
                let detail = format!("{count} process{plural}");
                let reading = Reading::new(Process::KIND, verdict, detail);
                self.news.push(Update::new(Arc::clone(&source.name), reading));
            }
            self.status_is_old |= before != (judge.count(), judge.pending(), judge.verdict());
        }
    }

    /// Status is there first: whoever receives an update finds it in status already.
    fn report(&mut self) {
        if std::mem::take(&mut self.status_is_old) {
            *lock(&self.status) = self.status();
        }
        for update in self.news.drain(..) {
            (self.sink)(update);
        }
    }

    fn status(&self) -> ProcessStatus {
        let entry =
            |(Wanted { source, .. }, judge): (&Wanted<Process>, &Judge)| ProcessSourceStatus {
                name: Arc::clone(&source.name),
                verdict: judge.verdict(),
                count: judge.count(),
                pending: judge.pending(),
                warning: source.warning(),
            };
        ProcessStatus {
            detection: self.detection(),
            hidden: self.hidden.clone(),
            without_pidfd: self.census.without_pidfd(),
            last_scan: self.census.last_scan(),
            sources: self.sources.iter().zip(&self.judges).map(entry).collect(),
        }
    }

    fn detection(&self) -> Detection {
        let scan = |why: &str| Detection::Scan {
            interval: SCAN_INTERVAL,
            round: self.census.round_time(SCAN_INTERVAL),
            why: why.into(),
        };
        match &self.link {
            Link::Idle => Detection::Idle,
            Link::Connector(connector) if connector.is_proven() => Detection::Connector,
            Link::Connector(_) => scan("the process connector is being tested"),
            Link::Scan(why) => scan(why),
        }
    }
}
