//! What random scenarios are about.

/// What a scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    /// Routers that elect one of them, whatever happens; then one of them fails.
    Troubles,
    /// Routers of both versions, which do not hear each other until the migration is done.
    TwoVersions,
    /// VRRPv2 routers with two intervals, which do not hear each other either.
    TwoIntervals,
    /// Two routers that own the addresses and hear each other.
    TwoOwners,
    /// Two routers that own the addresses and do not listen.
    DeafOwners,
    /// One router does not hear the best one, while everyone else does.
    OneWay,
}
