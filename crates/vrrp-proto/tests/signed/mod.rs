//! What two test programs know of signed adverts.

use vrrp_proto::DropReason;

/// The reasons to drop signed adverts: each has its case in `authentication.rs`, and the others
/// have theirs in `rejections.rs`.
pub(crate) const REASONS: [DropReason; 10] = [
    DropReason::MissingHeader,
    DropReason::UnexpectedHeader,
    DropReason::InvalidIcv,
    DropReason::SpiMismatch,
    DropReason::MissingHmac,
    DropReason::Malformed,
    DropReason::Stale,
    DropReason::UnknownKey,
    DropReason::InvalidHmac,
    DropReason::Replay,
];
