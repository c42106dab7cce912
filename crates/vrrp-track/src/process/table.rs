//! The processes that match, and how many of them each source has. No I/O here.

use std::collections::BTreeMap;

/// Matching processes. A process is its id *and* its start time: the id alone may have been given to
/// another one since.
#[derive(Debug)]
pub(super) struct Table<F> {
    members: BTreeMap<u32, Member<F>>,
    counts: Vec<u32>,
    without_pidfd: usize,
}

/// One process that matches at least one source.
#[derive(Debug)]
pub(super) struct Member<F> {
    pub(super) start: u64,
    /// The sources' places.
    pub(super) sources: Vec<usize>,
    /// What tells of its end, if there is something.
    pub(super) pidfd: Option<F>,
}

impl<F> Table<F> {
    /// A table without processes, for so many sources.
    pub(super) fn new(sources: usize) -> Self {
        Self { members: BTreeMap::new(), counts: vec![0; sources], without_pidfd: 0 }
    }

    pub(super) fn get(&self, pid: u32) -> Option<&Member<F>> {
        self.members.get(&pid)
    }

    /// Enters a process; one of the same id is replaced and returned.
    pub(super) fn insert(&mut self, pid: u32, member: Member<F>) -> Option<Member<F>> {
        let replaced = self.remove(pid);
        for &source in &member.sources {
            self.counts[source] += 1;
        }
        self.without_pidfd += usize::from(member.pidfd.is_none());
        self.members.insert(pid, member);
        replaced
    }

    /// A process has another name now.
    pub(super) fn rematch(&mut self, pid: u32, sources: Vec<usize>) {
        if let Some(member) = self.remove(pid) {
            self.insert(pid, Member { sources, ..member });
        }
    }

    pub(super) fn remove(&mut self, pid: u32) -> Option<Member<F>> {
        let member = self.members.remove(&pid)?;
        for &source in &member.sources {
            self.counts[source] -= 1;
        }
        self.without_pidfd -= usize::from(member.pidfd.is_none());
        Some(member)
    }

    pub(super) fn count(&self, source: usize) -> u32 {
        self.counts[source]
    }

    /// How many there are whose end nothing tells of.
    pub(super) const fn without_pidfd(&self) -> usize {
        self.without_pidfd
    }

    /// Those whose end nothing tells of.
    pub(super) fn pids_without_pidfd(&self) -> Vec<u32> {
        let members = self.members.iter().filter(|(_, member)| member.pidfd.is_none());
        members.map(|(&pid, _)| pid).collect()
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        self.members.keys().copied()
    }

    pub(super) fn pidfds(&self) -> impl Iterator<Item = &F> {
        self.members.values().filter_map(|member| member.pidfd.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(start: u64, sources: &[usize]) -> Member<()> {
        Member { start, sources: sources.to_vec(), pidfd: None }
    }

    #[test]
    fn each_source_counts_the_processes_that_match_it() {
        let mut table = Table::new(2);
        table.insert(10, member(1, &[0]));
        table.insert(11, member(1, &[0, 1]));
        assert_eq!([table.count(0), table.count(1)], [2, 1]);
        table.rematch(11, vec![1]);
        assert_eq!([table.count(0), table.count(1)], [1, 1]);
        table.remove(10);
        assert_eq!([table.count(0), table.count(1)], [0, 1]);
        assert!(table.remove(10).is_none());
    }

    #[test]
    fn a_reused_id_replaces_the_old_process() {
        let mut table = Table::new(1);
        table.insert(10, member(1, &[0]));
        let old = table.insert(10, member(2, &[0])).unwrap();
        assert_eq!((old.start, table.get(10).unwrap().start, table.count(0)), (1, 2, 1));
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_members(
            steps in proptest::collection::vec((0_u32..8, prop::bits::u8::between(0, 4), any::<bool>()), 0..200),
        ) {
            let mut table = Table::new(4);
            for (pid, bits, enter) in steps {
                let sources: Vec<usize> = (0..4).filter(|bit| bits & (1 << bit) != 0).collect();
                if enter {
                    table.insert(pid, member(0, &sources));
                } else {
                    table.remove(pid);
                }
                for source in 0..4 {
                    let members = table.members.values().filter(|member| member.sources.contains(&source));
                    prop_assert_eq!(table.count(source) as usize, members.count());
                }
                prop_assert_eq!(table.without_pidfd(), table.members.len());
            }
        }
    }
}
