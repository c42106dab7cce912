//! vrrp-track
