//! Why an instance is in its state, and what would change it: a status in sentences.

use std::fmt;

use crate::status::{Contribution, InstanceStatus, Status, duration};
use crate::words;

/// How many of the last transitions are told.
const TRANSITIONS: usize = 3;

/// The answer to `vrrpd explain`: everything in it is taken from the status alone.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    instance: &'a InstanceStatus,
    status: &'a Status,
}

impl Status {
    /// Explains the instance of that name, if there is one.
    pub fn explain(&self, name: &str) -> Option<Explanation<'_>> {
        let instance = self.instances.iter().find(|instance| instance.name == name)?;
        Some(Explanation { instance, status: self })
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InstanceStatus { name, state, since_ms, why, .. } = self.instance;
        writeln!(f, "{name} has been {state} for {}: {why}.", duration(*since_ms))?;
        self.group(f)?;
        self.priority(f)?;
        match state.as_str() {
            words::MASTER => self.as_master(f)?,
            words::BACKUP => self.as_backup(f)?,
            words::FAULT => self.in_fault(f)?,
            _ => self.waiting(f)?,
        }
        self.peers(f)?;
        self.past(f)
    }
}

impl Explanation<'_> {
    fn group(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.instance.name;
        let own = self.status.sync_groups.iter().filter(|group| group.members.contains(name));
        for group in own {
            let others: Vec<_> =
                group.members.iter().filter(|member| *member != name).cloned().collect();
            let others = others.join(", ");
            writeln!(f, "It stands and falls with {others}: sync group {}.", group.name)?;
        }
        Ok(())
    }

    fn priority(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let priority = &self.instance.priority;
        write!(f, "\nIts priority is {}: {} as configured", priority.effective, priority.base)?;
        for Contribution { name, adds, .. } in &priority.contributions {
            if *adds != 0 {
                write!(f, ", {adds:+} from {name}")?;
            }
        }
        writeln!(f, ".")?;
        for contribution in &priority.contributions {
            let (verdict, detail) = self.verdict(contribution);
            let Contribution { name, kind, .. } = contribution;
            write!(f, "  - {kind} {name} is {verdict}{detail}")?;
            match self.otherwise(contribution, &verdict) {
                Some(otherwise) => writeln!(f, "; {otherwise}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }

    /// What a tracker says now, and from what.
    fn verdict(&self, contribution: &Contribution) -> (String, String) {
        let Contribution { name, kind, .. } = contribution;
        let found = self.status.trackers.iter().find(|tracker| {
            // Two of one name are told apart by their kind before it.
            tracker.kind == *kind && name.ends_with(tracker.name.as_str())
        });
        match found {
            Some(tracker) => (tracker.verdict.clone(), format!(" ({})", tracker.detail)),
            None => ("unknown".to_owned(), String::new()),
        }
    }

    /// What would be if a tracker that is up or down were the other.
    fn otherwise(&self, contribution: &Contribution, verdict: &str) -> Option<String> {
        let Contribution { adds, weight, reverse, .. } = *contribution;
        let other = match verdict {
            "up" => "down",
            "down" => "up",
            _ => return None,
        };
        if weight == 0 {
            let is_fault = (other == "down") != reverse;
            let outcome =
                if is_fault { "it would be in FAULT" } else { "that fault would be over" };
            return Some(format!("{other}, {outcome}"));
        }
        let counts_when = if weight > 0 { "up" } else { "down" };
        let signed = if reverse { weight.saturating_neg() } else { weight };
        let would_add = if other == counts_when { signed } else { 0 };
        let effective = self.instance.priority.effective;
        if would_add == adds || effective == 255 {
            return None;
        }
        let would_be = i32::from(effective).saturating_add(would_add.saturating_sub(adds));
        Some(format!("{other}, the priority would be {}", would_be.clamp(1, 254)))
    }

    fn as_master(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InstanceStatus { priority, interface, .. } = self.instance;
        let effective = priority.effective;
        writeln!(f, "\nIt would stop being master if")?;
        match effective {
            255 => writeln!(
                f,
                "  - another router claimed to own the addresses too, from a higher address"
            )?,
            _ => {
                let own = self.instance.master.as_ref().and_then(|master| master.address);
                let own = own.map(|own| format!(" (its own is {own})")).unwrap_or_default();
                writeln!(
                    f,
                    "  - another router advertised a priority above {effective}, or the same from a higher address{own}"
                )?;
            }
        }
        writeln!(f, "  - {interface} went down or lost its carrier or its address")?;
        for contribution in &priority.contributions {
            if contribution.weight == 0 {
                let bad = if contribution.reverse { "were up" } else { "failed" };
                writeln!(f, "  - {} {} {bad}", contribution.kind, contribution.name)?;
            }
        }
        Ok(())
    }

    fn as_backup(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InstanceStatus { priority, master, skew_ms, master_down_ms, timer_ms, .. } =
            self.instance;
        let left = timer_ms.map(|left| format!(" ({} are left)", duration(left)));
        let left = left.unwrap_or_default();
        let (skew, down) = (duration(*skew_ms), duration(*master_down_ms));
        let effective = priority.effective;
        let Some(master) = master else {
            return writeln!(
                f,
                "\nIt has heard of no master, and becomes one if that stays so for {down}{left}."
            );
        };
        writeln!(f, "\nThe master is {master}. It would become master")?;
        writeln!(f, "  - {skew} after that one has resigned")?;
        writeln!(f, "  - when that one has been silent for {down}{left}")?;
        let delay = match self.instance.preempt_delay_ms {
            0 => String::new(),
            delay => format!(", after a delay of {}", duration(delay)),
        };
        match (self.instance.preempt, effective > master.priority) {
            (true, true) => {
                writeln!(
                    f,
                    "  - very soon: its priority {effective} is higher, and it preempts{delay}"
                )
            }
            (true, false) if master.priority == 255 => writeln!(
                f,
                "  - but not by a higher priority: that one owns the addresses, with priority 255"
            ),
            (true, false) => writeln!(
                f,
                "  - when its priority {effective} is above the master's {}{delay}",
                master.priority
            ),
            (false, _) => writeln!(
                f,
                "  - but not because its priority {effective} is higher or gets higher: `nopreempt` is set"
            ),
        }
    }

    fn in_fault(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nIt takes no part in the election while")?;
        for fault in &self.instance.faults {
            writeln!(f, "  - {fault}")?;
        }
        match self.instance.priority.effective {
            255 => writeln!(f, "Once that is over it is master at once: it owns the addresses."),
            _ => writeln!(
                f,
                "Once that is over it is a backup first, and waits up to {} for a master.",
                duration(self.instance.master_down_ms)
            ),
        }
    }

    fn waiting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance.waiting_for.as_slice() {
            [] => writeln!(f, "\nIt has not started yet."),
            waiting => writeln!(f, "\nIt waits for the first result of {}.", waiting.join(", ")),
        }
    }

    /// What others do wrong, if anything.
    fn peers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InstanceStatus { adverts, remarks, .. } = self.instance;
        if adverts.dropped.is_empty() && remarks.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nWhat it has heard and was not as it should be:")?;
        for (reason, count) in &adverts.dropped {
            let advice = words::advice(reason);
            let advice = advice.map(|advice| format!(": {advice}")).unwrap_or_default();
            writeln!(f, "  - {count} adverts dropped as {reason}{advice}")?;
        }
        if let Some(last) = &adverts.last_dropped {
            writeln!(f, "    {last}")?;
        }
        for (remark, count) in remarks {
            writeln!(f, "  - {} ({count} times)", words::remark(remark))?;
        }
        Ok(())
    }

    fn past(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.instance.history.iter().rev().take(TRANSITIONS);
        if last.len() > 0 {
            writeln!(f, "\nWhat happened last:")?;
        }
        for transition in last {
            writeln!(f, "  - {transition}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::status::{GroupStatus, MasterStatus, PriorityStatus, TrackerStatus};

    use super::*;

    fn status(instance: InstanceStatus) -> Status {
        let web = TrackerStatus {
            kind: "process".into(),
            name: "web".into(),
            verdict: "up".into(),
            detail: "2 processes".into(),
        };
        Status { instances: vec![instance], trackers: vec![web], ..Status::default() }
    }

    fn instance(state: &str, effective: u8) -> InstanceStatus {
        let web = Contribution {
            name: "web".into(),
            adds: 10,
            kind: "process".into(),
            weight: 10,
            reverse: false,
        };
        InstanceStatus {
            name: "VI_1".into(),
            interface: "eth0".into(),
            state: state.into(),
            since_ms: 61_000,
            why: "started".into(),
            priority: PriorityStatus { effective, base: effective - 10, contributions: vec![web] },
            preempt: true,
            skew_ms: 46,
            master_down_ms: 3046,
            timer_ms: Some(1500),
            ..InstanceStatus::default()
        }
    }

    fn explained(status: &Status) -> String {
        status.explain("VI_1").unwrap().to_string()
    }

    #[test]
    fn a_master_is_told_what_its_priority_hangs_on_and_what_would_end_it() {
        let text = explained(&status(instance(words::MASTER, 254)));
        for sentence in [
            "VI_1 has been MASTER for 1 min 1 s: started.",
            "Its priority is 254: 244 as configured, +10 from web.",
            "- process web is up (2 processes); down, the priority would be 244",
            "- another router advertised a priority above 254",
            "- eth0 went down",
        ] {
            assert!(text.contains(sentence), "{sentence:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_backup_is_told_whom_it_follows_and_what_would_make_it_master() {
        let address = Some([192, 0, 2, 1].into());
        let master = Some(MasterStatus { address, priority: 250, this_node: false });
        let mut backup = InstanceStatus { master, ..instance(words::BACKUP, 110) };
        let text = explained(&status(backup.clone()));
        assert!(text.contains("The master is 192.0.2.1 with priority 250."), "{text}");
        assert!(text.contains("has been silent for 3.0 s (1.5 s are left)"), "{text}");
        assert!(text.contains("when its priority 110 is above the master's 250"), "{text}");
        backup.preempt = false;
        let text = explained(&status(backup));
        assert!(text.contains("`nopreempt` is set"), "{text}");
    }

    #[test]
    fn a_fault_is_told_with_what_has_to_end() {
        let faults = vec!["eth0 has no carrier".to_owned()];
        let text = explained(&status(InstanceStatus { faults, ..instance(words::FAULT, 100) }));
        assert!(text.contains("while\n  - eth0 has no carrier\nOnce that is over"), "{text}");
    }

    #[test]
    fn a_tracker_without_weight_is_a_fault_when_it_changes_and_one_that_is_reversed_too() {
        let mut instance = instance(words::MASTER, 100);
        let tracker = &mut instance.priority.contributions[0];
        (tracker.weight, tracker.adds) = (0, 0);
        let text = explained(&status(instance.clone()));
        assert!(text.contains("down, it would be in FAULT"), "{text}");
        assert!(text.contains("- process web failed"), "{text}");
        instance.priority.contributions[0].reverse = true;
        let text = explained(&status(instance));
        assert!(text.contains("down, that fault would be over"), "{text}");
    }

    #[test]
    fn what_peers_do_wrong_comes_with_what_to_look_for() {
        let mut instance = instance(words::MASTER, 100);
        instance.adverts.dropped.insert("auth_failure".into(), 7);
        instance.remarks.insert("losing_advert".into(), 3);
        let text = explained(&status(instance));
        assert!(
            text.contains("7 adverts dropped as auth_failure: passwords or keys differ"),
            "{text}"
        );
        assert!(text.contains("a router of lower precedence"), "{text}");
    }

    #[test]
    fn members_of_its_group_are_named_and_an_unknown_instance_is_none() {
        let mut status = status(instance(words::MASTER, 100));
        status.sync_groups.push(GroupStatus {
            name: "G".into(),
            state: words::MASTER.into(),
            members: vec!["VI_1".into(), "VI_2".into()],
            why: String::new(),
        });
        assert!(explained(&status).contains("stands and falls with VI_2: sync group G."));
        assert!(status.explain("VI_2").is_none());
    }
}
