//! vrrpd
fn main() {}
