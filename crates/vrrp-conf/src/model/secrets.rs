//! Passwords and keys, and the same without them.

use super::{AuthPass, Authentication, Config, HmacKey};

/// What stands in a configuration for each password and key that is not to be seen.
pub const HIDDEN_SECRET: &str = "********";

impl Config {
    /// The same with [`HIDDEN_SECRET`] for each password and key, to be printed. It says nothing
    /// of them, not even their length or which of them are the same.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut config = self.clone();
        for instance in &mut config.instances {
            match instance.authentication.as_mut().map(|authentication| &mut authentication.value) {
                Some(Authentication::Password(password) | Authentication::Header(password)) => {
                    *password = AuthPass::truncating(HIDDEN_SECRET.as_bytes());
                }
                Some(Authentication::Hmac(hmac)) => hmac.keys.iter_mut().for_each(hide),
                None => {}
            }
        }
        config
    }
}

fn hide(key: &mut HmacKey) {
    HIDDEN_SECRET.clone_into(&mut key.secret);
}
