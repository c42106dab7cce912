//! The story: what is done to the servers, and what must come of it.

use std::time::Instant;

use vrrp_proto::Priority;

use super::DemoError;
use super::narrator::{Narrator, lasting};
use super::stage::{Holders, PROCESS, Server, Stage, WEIGHT};

use Server::{One, Two};

/// Tells it all, or fails at the first thing that does not happen.
pub(super) fn tell(stage: &mut Stage, narrator: &Narrator) -> Result<(), DemoError> {
    let mut story = Story { stage, narrator };
    story.introduce()?;
    story.both_start()?;
    story.process_dies()?;
    story.process_returns()?;
    story.daemon_is_stopped()?;
    story.daemon_is_killed()
}

struct Story<'a> {
    stage: &'a mut Stage,
    narrator: &'a Narrator,
}

impl Story<'_> {
    fn introduce(&self) -> Result<(), DemoError> {
        let how = if self.stage.is_without_root() { "without privileges" } else { "by root" };
        self.narrator.say(&format!(
            "Two servers on a wire of their own, in namespaces made {how}; this program as the\n\
             daemon on both; and one address that has to be where it is served.\n"
        ))?;
        for server in Server::BOTH {
            let (name, address, base) = (server.name(), server.address(), server.base());
            self.narrator.add(&format!(
                "{name}  {address}  priority {base}, and {WEIGHT} more while {PROCESS} runs"
            ))?;
        }
        let address = Stage::virtual_address();
        self.narrator
            .add(&format!("shared   {address}  VRRP version 2, an advert every second"))?;
        Ok(())
    }

    fn both_start(&mut self) -> Result<(), DemoError> {
        self.chapter("Both start")?;
        let mut start = Instant::now();
        for server in Server::BOTH {
            self.stage.start_httpd(server)?;
            start = self.stage.start_daemon(server)?;
        }
        self.stage.wait_for_holders(Holders::nobody())?;
        let address = Stage::virtual_address();
        self.narrator
            .tell(start, &format!("{PROCESS} and vrrpd run on both; {address} is on neither"))?;
        self.take_over(One, start, "after the start: nobody else was heard")?;
        self.show_status(One, "MASTER")?;
        self.show_status(Two, "BACKUP")
    }

    fn process_dies(&mut self) -> Result<(), DemoError> {
        self.chapter(&format!("{PROCESS} dies on server1"))?;
        let death = self.stage.kill_httpd(One)?;
        self.narrator.tell(death, &format!("{PROCESS} on server1 is killed"))?;
        let base = Priority::new(One.base());
        let lowered = self.stage.wait_for_advert(One, base, death)?;
        self.narrator.tell(lowered, &format!("server1 advertises no more than priority {base}"))?;
        self.take_over(Two, death, "after the death")?;
        self.show_status(One, "BACKUP")
    }

    fn process_returns(&mut self) -> Result<(), DemoError> {
        self.chapter(&format!("{PROCESS} comes back"))?;
        let start = Instant::now();
        self.stage.start_httpd(One)?;
        self.narrator.tell(start, &format!("{PROCESS} on server1 is started"))?;
        self.take_over(One, start, "later")
    }

    fn daemon_is_stopped(&mut self) -> Result<(), DemoError> {
        self.chapter("The daemon on server1 is stopped")?;
        let (asked, daemon) = self.stage.ask_daemon_to_stop(One)?;
        self.narrator.tell(asked, "vrrpd on server1 is asked to stop (SIGTERM)")?;
        let farewell = self.stage.wait_for_advert(One, Priority::RESIGN, asked)?;
        self.narrator.tell(farewell, "server1 takes its leave: an advert with priority 0")?;
        self.take_over(Two, farewell, "after that: nobody has to wait for a silence")?;
        self.stage.wait_for_end(One, &daemon)?;
        self.narrator.tell_now("vrrpd on server1 has ended in good order")?;
        self.daemon_returns()
    }

    fn daemon_is_killed(&mut self) -> Result<(), DemoError> {
        self.chapter("The daemon on server1 is killed")?;
        let killed = self.stage.kill_daemon(One)?;
        self.narrator.tell(killed, "vrrpd on server1 is killed (SIGKILL): it says nothing")?;
        let farewell = self.stage.wait_for_advert(One, Priority::RESIGN, killed)?;
        self.narrator
            .tell(farewell, "its guard takes leave in its name: an advert with priority 0")?;
        self.take_over(Two, killed, "after the kill: a guard survives its daemon")?;
        self.daemon_returns()
    }

    fn daemon_returns(&mut self) -> Result<(), DemoError> {
        let start = self.stage.start_daemon(One)?;
        self.narrator.tell(start, "vrrpd on server1 is started again")?;
        self.take_over(One, start, "after the start")
    }

    fn chapter(&self, title: &str) -> Result<(), DemoError> {
        Ok(self.narrator.say(&format!("\n{title}"))?)
    }

    /// Waits until a server is master and alone has the address.
    fn take_over(&self, server: Server, cause: Instant, relation: &str) -> Result<(), DemoError> {
        self.wait_for_master(server, cause, relation)?;
        self.tell_holder(server)
    }

    /// Waits until a server says that it is master.
    fn wait_for_master(
        &self,
        server: Server,
        cause: Instant,
        relation: &str,
    ) -> Result<(), DemoError> {
        let priority = Priority::new(server.healthy());
        let name = server.name();
        let advertised = self.stage.wait_for_advert(server, priority, cause)?;
        self.narrator.tell(advertised, &format!("{name} advertises priority {priority}"))?;
        let announced = self.stage.wait_for_announcement(server, cause)?;
        let length = lasting(announced.saturating_duration_since(cause));
        let what = format!("{name} announces the address (gratuitous ARP), {length} {relation}");
        Ok(self.narrator.tell(announced, &what)?)
    }

    fn tell_holder(&self, server: Server) -> Result<(), DemoError> {
        let at = self.stage.wait_for_holders(Holders::only(server))?;
        let (address, name) = (Stage::virtual_address(), server.name());
        let other = server.other().name();
        Ok(self.narrator.tell(at, &format!("{address} is on {name}, and not on {other}"))?)
    }

    fn show_status(&self, server: Server, state: &str) -> Result<(), DemoError> {
        let status = self.stage.wait_for_state(server, state)?;
        let (name, priority) = (server.name(), &status.priority);
        Ok(self.narrator.tell_now(&format!("`vrrpd status` on {name}: {state}, {priority}"))?)
    }
}
