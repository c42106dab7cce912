//! Frames out of captures, to compare with what is built here.

/// The frames of a classic pcap file with link type Ethernet.
pub(crate) fn frames(file: &[u8]) -> Vec<&[u8]> {
    const FILE_HEADER_BYTES: usize = 24;
    const RECORD_HEADER_BYTES: usize = 16;
    let mut frames = Vec::new();
    let mut rest = &file[FILE_HEADER_BYTES..];
    while let Some((header, after)) = rest.split_at_checked(RECORD_HEADER_BYTES) {
        let len = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let (frame, after) = after.split_at(len);
        frames.push(frame);
        rest = after;
    }
    assert!(!frames.is_empty(), "the capture has packets");
    frames
}

/// The Ethernet type of a frame.
pub(crate) fn ethertype(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[12], frame[13]])
}
