//! The memory of a process that is to be small.

use std::fs::File;
use std::io::{self, BufReader};
use std::ops::Range;

use crate::error::{NetError, Operation};
use crate::sys;
use crate::words::Errno;

/// Half of what Linux maps at once around a page that is used.
const BLOCK_BYTES: usize = 32 << 10;

/// Pages of this process that come from a file, cannot be written and never were.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilePages {
    pub(crate) range: Range<usize>,
}

/// Gives back the memory of the program's text and constants, as far as this process has used them.
/// What it uses again comes back from the file, or from whoever else runs the program.
///
/// A process that has started, and has from now on only a small part of the program to run, is small
/// after this, and stays so: with each page that is used the kernel maps its neighbours, as far as
/// the mapping goes, so mappings are parted.
///
/// # Errors
/// [`NetError::Refused`] if there is no /proc, or it is not allowed.
pub fn shed_file_pages() -> Result<(), NetError> {
    let refused = |errno| NetError::refused(Operation::ShedMemory, errno);
    let mappings = File::open("/proc/self/smaps").map_err(|error| refused(Errno::from(&error)))?;
    let pages =
        file_pages(BufReader::new(mappings)).map_err(|error| refused(Errno::from(&error)))?;
    pages.iter().try_for_each(sys::give_back).map_err(refused)?;
    pages
        .iter()
        .flat_map(FilePages::every_other_block)
        .try_for_each(sys::leave_out_of_dumps)
        .map_err(refused)
}

impl FilePages {
    /// What makes blocks of their own of the pages, if it has another property than what is between.
    fn every_other_block(&self) -> impl Iterator<Item = Range<usize>> {
        let end = self.range.end;
        let starts = self.range.clone().step_by(2 * BLOCK_BYTES);
        starts.map(move |start| start..end.min(start + BLOCK_BYTES))
    }
}

/// Which mappings of proc(5)'s `smaps` are of a file, cannot be written, and have no page of their own.
fn file_pages(mappings: impl io::BufRead) -> io::Result<Vec<FilePages>> {
    let (mut found, mut mapping) = (Vec::new(), None);
    for line in mappings.lines() {
        let line = line?;
        match line.split_once(':') {
            Some(("Anonymous", size)) if size.trim() != "0 kB" => mapping = None,
            // The last line of each mapping.
            Some(("VmFlags", _)) => found.extend(mapping.take()),
            Some((key, _)) if !key.contains(' ') => {}
            _ => mapping = read_only_file(&line),
        }
    }
    Ok(found)
}

/// The pages of a mapping's first line: `55cb-55cc r-xp 0000d000 fe:00 10018818   /usr/sbin/vrrpd`.
fn read_only_file(line: &str) -> Option<FilePages> {
    let mut words = line.split_whitespace();
    let (range, access) = (words.next()?, words.next()?);
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let is_file = words.nth(2).is_some_and(|inode| inode != "0");
    let is_fixed = matches!(access, "r-xp" | "r--p");
    (is_file && is_fixed).then_some(FilePages { range: address(start)?..address(end)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPINGS: &str = "\
55cb36f3b000-55cb3700c000 r--p 00000000 fe:00 10018818                   /usr/sbin/vrrpd
Size:                836 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
55cb3700c000-55cb373aa000 r-xp 000d0000 fe:00 10018818                   /usr/sbin/vr rpd
Anonymous:             0 kB
ProtectionKey:         0
VmFlags: rd ex mr mw me
55cb373aa000-55cb373cc000 r--p 0046d000 fe:00 10018818                   /usr/sbin/vrrpd
Anonymous:           136 kB
VmFlags: rd mr mw me ac
55cb373cc000-55cb373cd000 rw-p 0048e000 fe:00 10018818                   /usr/sbin/vrrpd
Anonymous:             0 kB
VmFlags: rd wr mr mw me ac
7efe17a38000-7efe17a58000 r--p 00000000 00:00 0
Anonymous:             0 kB
VmFlags: rd mr mw me ac
7ffe7b8b0000-7ffe7b8d1000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
VmFlags: rd ex mr mw me de
";

    #[test]
    fn what_was_written_or_is_of_no_file_is_kept() {
        let pages = file_pages(MAPPINGS.as_bytes()).unwrap();
        let expected = [0x55cb_36f3_b000..0x55cb_3700_c000, 0x55cb_3700_c000..0x55cb_373a_a000];
        assert_eq!(pages, expected.map(|range| FilePages { range }));
    }

    #[test]
    fn a_program_runs_on_without_its_pages() {
        assert!(
            !file_pages(BufReader::new(File::open("/proc/self/smaps").unwrap()))
                .unwrap()
                .is_empty()
        );
        shed_file_pages().unwrap();
        assert_eq!("still here".to_uppercase(), "STILL HERE");
    }
}
