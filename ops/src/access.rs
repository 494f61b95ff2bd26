//! The roles of the console and of its JSON, and who has which.

use base::settings::People;
use clap::ValueEnum;
use serde::Serialize;

/// Each may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Looks.
    Viewer,
    /// Puts right what went wrong, and what can be put back.
    Operator,
    /// Also what cannot be undone, and what concerns the installation.
    Admin,
}

impl Role {
    pub(crate) const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// The highest role that a person has, by one of their names or groups; `None` if they may not even look.
pub(crate) fn role_of(people: &People, names: &[&str], groups: &[String]) -> Option<Role> {
    let is_one_of = |listed: &[String]| {
        listed.iter().any(|one| match one.strip_prefix("group:") {
            Some(group) => groups.iter().any(|of| of.to_lowercase() == group),
            None => one == "*" || names.iter().any(|name| !name.is_empty() && name.to_lowercase() == *one),
        })
    };
    let by_role = [(Role::Admin, &people.admins), (Role::Operator, &people.operators), (Role::Viewer, &people.viewers)];
    by_role.into_iter().find(|(_, listed)| is_one_of(listed)).map(|(role, _)| role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_role_that_fits_counts() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let people = People {
            admins: list(&["ines@example.com", "group:it"]),
            operators: list(&["tom"]),
            viewers: list(&["group:sales", "*@not.a.pattern"]),
        };
        for (names, groups, expected) in [
            (&["Ines@Example.com"][..], &[][..], Some(Role::Admin)),
            (&["tom", "tom@example.com"], &["sales"], Some(Role::Operator)),
            (&["tom"], &["IT"], Some(Role::Admin)),
            (&["lea"], &["Sales"], Some(Role::Viewer)),
            (&["lea@not.a.pattern"], &["other"], None),
            (&["group:it", ""], &[], None),
            (&[], &[], None),
        ] {
            assert_eq!(role_of(&people, names, &list(groups)), expected, "{names:?} {groups:?}");
        }
        let all = People { viewers: list(&["*"]), ..People::default() };
        assert_eq!(role_of(&all, &["anybody"], &[]), Some(Role::Viewer));
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    }
}
