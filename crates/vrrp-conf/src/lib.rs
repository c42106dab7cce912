//! vrrp-conf
