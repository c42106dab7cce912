//! What has passed through an interface.

use std::io;

/// Where the kernel tells it.
pub(crate) const TABLE: &str = "/proc/net/dev";

/// How many frames an interface has taken in and sent since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Frames that arrived, and were handed on.
    pub received: u64,
    /// Frames that arrived, and were thrown away.
    pub receive_dropped: u64,
    /// Frames that left.
    pub sent: u64,
    /// Frames that should have left, and were thrown away.
    pub send_dropped: u64,
}

impl Traffic {
    /// The interface's line of the table in proc_net(5).
    pub(crate) fn of(interface: &str, table: &str) -> io::Result<Self> {
        let line = table.lines().find_map(|line| {
            let (name, numbers) = line.split_once(':')?;
            (name.trim() == interface).then_some(numbers)
        });
        let numbers = line.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let fields: Vec<u64> = numbers.split_whitespace().flat_map(str::parse).collect();
        // Eight of what was received (bytes, packets, errors, dropped, …), eight of what was sent.
        match fields[..] {
            [_, received, _, receive_dropped, _, _, _, _, _, sent, _, send_dropped, ..] => {
                Ok(Self { received, receive_dropped, sent, send_dropped })
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:   12345      67    0    8    0     0          0         0     9876      54    0    3    0     0       0          0
";

    #[test]
    fn an_interface_has_its_own_line() {
        let traffic = Traffic::of("eth0", DEV).unwrap();
        let expected = Traffic { received: 67, receive_dropped: 8, sent: 54, send_dropped: 3 };
        assert_eq!(traffic, expected);
        assert!(Traffic::of("eth1", DEV).is_err());
        assert!(Traffic::of("eth0", "eth0: 1 2 3").is_err());
    }
}
