//! From the configuration to what runs because of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use vrrp::track::interface::Links;
use vrrp::track::{LookupError, Output};
use vrrp::{SettingsError, Setup};
use vrrp_conf::model::{Config, Notify};

use crate::users::Users;

/// Why a configuration that is sound cannot be put into force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("{instance}: {source}")]
    Settings { instance: Arc<str>, source: SettingsError },
    #[error("script {name}: {source}")]
    User { name: Arc<str>, source: LookupError },
}

/// What a configuration means.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meaning {
    /// The routers and the health sources.
    pub(crate) setup: Setup,
    pub(crate) notify: NotifyPrograms,
}

/// The programs that run when something changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct NotifyPrograms {
    /// By instance.
    pub(crate) programs: HashMap<Arc<str>, Arc<Notify>>,
    /// How long one may run before the next one of its instance starts.
    pub(crate) limit: Duration,
}

impl Meaning {
    /// What this configuration means.
    pub(crate) fn of(config: &Config, users: &Users, links: &Links) -> Result<Self, SetupError> {
        let settings = |instance: &vrrp_conf::model::Instance| {
            vrrp::conf::settings(instance).map(Arc::new).map_err(|source| {
                let instance = Arc::clone(&instance.name);
                SetupError::Settings { instance, source }
            })
        };
        let routers = config.instances.iter().map(settings).collect::<Result<_, _>>()?;
        let sources = vrrp::conf::sources(config, links, |script| {
            let name = || Arc::clone(&script.name);
            // What a check prints is of no interest: it runs again and again.
            let program = users.program(&script.command, []);
            let program = program.map(|program| program.output(Output::Discard));
            program.map_err(|source| SetupError::User { name: name(), source })
        })?;
        let programs = config
            .instances
            .iter()
            .map(|instance| (Arc::clone(&*instance.name), Arc::new(instance.notify.clone())));
        let notify =
            NotifyPrograms { programs: programs.collect(), limit: config.global.notify_timeout };
        Ok(Self { setup: Setup { routers, sources }, notify })
    }
}
