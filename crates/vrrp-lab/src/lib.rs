//! vrrp-lab
