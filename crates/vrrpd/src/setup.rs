//! From the configuration to what runs because of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use vrrp::track::interface::Links;
use vrrp::track::{LookupError, Output};
use vrrp::{Change, SettingsError, Setup};
use vrrp_conf::model::{Config, Notify};

use crate::users::Users;
use vrrp_control::words::{GROUP, INSTANCE};

/// INSTANCE or GROUP, and the name.
pub(crate) type Subject = (&'static str, Arc<str>);

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
    pub(crate) programs: HashMap<Subject, Arc<Notify>>,
    /// Of those that were told to end and have not said so yet.
    leaving: HashMap<Subject, VecDeque<Arc<Notify>>>,
    /// How long one may run before the next one of its instance starts.
    pub(crate) limit: Duration,
}

impl NotifyPrograms {
    /// The programs of an instance or group; at its end those that it had while it ran, although
    /// another one may have its name by now, and whether a reload has removed it.
    pub(crate) fn of(&mut self, subject: &Subject, has_ended: bool) -> (Option<Arc<Notify>>, bool) {
        if has_ended && let Some(leaving) = self.leaving.get_mut(subject) {
            let programs = leaving.pop_front();
            if leaving.is_empty() {
                self.leaving.remove(subject);
            }
            return (programs, true);
        }
        (self.programs.get(subject).cloned(), false)
    }

    /// Takes over these programs, once this plan is carried out.
    pub(crate) fn take_over(&mut self, new: Self, plan: &[Change]) {
        for change in plan {
            let subject = match change {
                Change::Stop(old) | Change::Replace { old, .. } => {
                    (INSTANCE, Arc::clone(&old.name))
                }
                Change::GroupEnds(group) => (GROUP, Arc::clone(&group.name)),
                _ => continue,
            };
            if let Some(programs) = self.programs.get(&subject) {
                self.leaving.entry(subject).or_default().push_back(Arc::clone(programs));
            }
        }
        (self.programs, self.limit) = (new.programs, new.limit);
    }

    /// What is different in others, a line each.
    pub(crate) fn differences(&self, new: &Self) -> Vec<String> {
        let differs = |(subject, notify): &(&Subject, &Arc<Notify>)| {
            self.programs.get(*subject).is_some_and(|before| before != *notify)
        };
        let differing = new.programs.iter().filter(differs);
        let mut names: Vec<_> = differing.map(|((_, name), _)| name).collect();
        names.sort();
        let mut lines: Vec<_> =
            names.into_iter().map(|name| format!("{name}: other notify programs")).collect();
        if self.limit != new.limit {
            lines.push(format!("vrrp_notify_timeout {:?} -> {:?}", self.limit, new.limit));
        }
        lines
    }
}

impl Meaning {
    /// What this configuration means.
    pub(crate) fn of(config: &Config, users: &Users, links: &Links) -> Result<Self, SetupError> {
        users.prepare(config.instances.iter().flat_map(|instance| instance.notify.commands()));
        let config = &*users.secured(config);
        let settings = |instance: &vrrp_conf::model::Instance| {
            vrrp::conf::settings_in(config, instance).map(Arc::new).map_err(|source| {
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
        let of = |kind, name: &Arc<str>, notify: &Notify| {
            ((kind, Arc::clone(name)), Arc::new(notify.clone()))
        };
        let instances = config.instances.iter().map(|one| of(INSTANCE, &one.name, &one.notify));
        let groups = config.sync_groups.iter().map(|one| of(GROUP, &one.name, &one.notify));
        let notify = NotifyPrograms {
            programs: instances.chain(groups).collect(),
            leaving: HashMap::new(),
            limit: config.global.notify_timeout,
        };
        let groups = vrrp::conf::groups(config);
        Ok(Self { setup: Setup { routers, sources, groups }, notify })
    }
}

/// An error and what led to it, in one line.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
