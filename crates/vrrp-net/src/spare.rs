//! Descriptors that are set aside for what must go on when there are no others left.

use std::os::fd::{AsFd as _, OwnedFd};

/// So many descriptors, as far as they were to be had: whoever needs some where there are no others
/// gives these up, and refills them afterwards.
#[derive(Debug)]
pub struct SpareDescriptors {
    held: Vec<OwnedFd>,
    count: usize,
}

impl SpareDescriptors {
    /// So many, as far as they are to be had.
    pub fn new(count: usize) -> Self {
        let mut spare = Self { held: Vec::new(), count };
        spare.refill();
        spare
    }

    /// Makes room for others; says whether there was any to make.
    pub fn give_up(&mut self) -> bool {
        let had = !self.held.is_empty();
        self.held.clear();
        had
    }

    /// Takes back what was given up, as far as possible.
    pub fn refill(&mut self) {
        while self.held.len() < self.count {
            let Ok(copy) = std::io::stderr().as_fd().try_clone_to_owned() else { return };
            self.held.push(copy);
        }
    }
}
