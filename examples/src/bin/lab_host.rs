//! Plays the hosts of the tests' networks; of no use by itself.

fn main() {
    vrrp_lab::intercept();
}
