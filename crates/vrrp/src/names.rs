//! The names that iproute2's files give to numbers of routes and rules.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use vrrp_conf::model::{Lookup, Realms};

use crate::settings::SettingsError;

/// Where the files are: the administrator's, then those of the package.
const PLACES: [&str; 2] = ["/etc/iproute2", "/usr/share/iproute2"];

/// The number that is meant, looked up in the files of this name (`rt_tables`, `rt_protos`, …).
pub(crate) fn number<T: FromStr + Copy>(
    lookup: &Lookup<T>,
    file: &'static str,
) -> Result<T, SettingsError> {
    match lookup {
        Lookup::Number(number) => Ok(*number),
        Lookup::Name(name) => named(name, file),
    }
}

/// The number that has this name in the files.
pub(crate) fn named<T: FromStr>(name: &Arc<str>, file: &'static str) -> Result<T, SettingsError> {
    let files = PLACES.iter().flat_map(|place| files(Path::new(place), file));
    let texts = files.filter_map(|path| std::fs::read_to_string(path).ok());
    texts
        .filter_map(|text| find(&text, name).and_then(parse))
        .next()
        .ok_or_else(|| SettingsError::UnknownName { name: Arc::clone(name), file })
}

/// The realms of a route or a rule as one number.
pub(crate) fn realms(realms: &Realms) -> Result<u32, SettingsError> {
    let realm = |realm: &Lookup<u8>| number(realm, "rt_realms").map(u32::from);
    let from = realms.from.as_ref().map_or(Ok(0), realm)?;
    Ok(from << 16 | realm(&realms.to)?)
}

/// The number of a protocol over IP, looked up in /etc/protocols.
pub(crate) fn protocol(lookup: &Lookup<u8>) -> Result<u8, SettingsError> {
    let name = match lookup {
        Lookup::Number(number) => return Ok(*number),
        Lookup::Name(name) => name,
    };
    let text = std::fs::read_to_string("/etc/protocols").unwrap_or_default();
    let number = text.lines().find_map(|line| {
        // `NAME NUMBER ALIAS…`
        let mut words = line.split('#').next()?.split_whitespace();
        let (first, number) = (words.next()?, words.next()?);
        (first == &**name || words.any(|alias| alias == &**name)).then(|| number.parse().ok())?
    });
    number.ok_or_else(|| SettingsError::UnknownName { name: name.clone(), file: "protocols" })
}

/// The file, and those of the directory that goes with it.
fn files(place: &Path, file: &str) -> Vec<PathBuf> {
    let directory = std::fs::read_dir(place.join(format!("{file}.d")));
    let mut more: Vec<_> = directory
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    more.sort();
    more.insert(0, place.join(file));
    more
}

/// The number of a name: `NUMBER NAME` on a line of its own, `#` begins a comment.
fn find<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let number = words.next()?;
        (words.next() == Some(name)).then_some(number)
    })
}

fn parse<T: FromStr>(number: &str) -> Option<T> {
    match number.strip_prefix("0x") {
        // No type here is larger.
        Some(digits) => u32::from_str_radix(digits, 16).ok()?.to_string().parse().ok(),
        None => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_behind_their_numbers_and_comments_do_not_count() {
        let text = "# 9 lost\n255\tlocal\n\n0x64 hundred # a hundred\n70000 far\n";
        let found = |name| find(text, name).and_then(parse::<u32>);
        let names = ["local", "hundred", "far", "lost", "nobody"];
        assert_eq!(names.map(found), [Some(255), Some(100), Some(70_000), None, None]);
        assert_eq!(find(text, "far").and_then(parse::<u8>), None);
    }

    #[test]
    fn a_name_that_no_file_knows_is_an_error_that_says_where_it_was_looked_for() {
        let unknown = number::<u32>(&Lookup::Name("no such table".into()), "rt_tables");
        let text = unknown.unwrap_err().to_string();
        assert_eq!(text, "no such table is in no file rt_tables of this machine");
    }
}
