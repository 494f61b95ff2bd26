//! The people, numbers, teams and tags of the account, in the JSON shapes of the API.
//!
//! The same user looks different in three places: inside a webhook's call (abridged), inside `/v2/users` (full) and
//! inside a team. This module holds those shapes and nothing that changes while the sandbox runs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::seed::{Number, Seed, Team, User};

const CREATED_AT: &str = "2024-02-05T09:12:44.000Z";

pub(super) struct Directory {
    users: BTreeMap<u64, User>,
    numbers: BTreeMap<u64, Number>,
    teams: BTreeMap<u64, Team>,
}

impl Directory {
    pub(super) fn new(seed: &Seed) -> Directory {
        Directory {
            users: seed.users.iter().map(|user| (user.id, user.clone())).collect(),
            numbers: seed.numbers.iter().map(|number| (number.id, number.clone())).collect(),
            teams: seed.teams.iter().map(|team| (team.id, team.clone())).collect(),
        }
    }

    pub(super) fn has_user(&self, id: u64) -> bool {
        self.users.contains_key(&id)
    }

    pub(super) fn has_number(&self, id: u64) -> bool {
        self.numbers.contains_key(&id)
    }

    pub(super) fn has_team(&self, id: u64) -> bool {
        self.teams.contains_key(&id)
    }

    pub(super) fn first_number(&self) -> Option<u64> {
        self.numbers.keys().next().copied()
    }

    pub(super) fn user_by_email(&self, email: &str) -> Option<u64> {
        self.users.values().find(|user| user.email.eq_ignore_ascii_case(email)).map(|user| user.id)
    }

    pub(super) fn user_name(&self, id: u64) -> Option<&str> {
        self.users.get(&id).map(|user| user.name.as_str())
    }

    /// The abridged user that calls, tags, comments and teams carry.
    pub(super) fn user_in_call(&self, id: u64) -> Option<Value> {
        let user = self.users.get(&id)?;
        Some(json!({
            "id": user.id,
            "direct_link": format!("https://api.aircall.io/v1/users/{}", user.id),
            "name": user.name,
            "email": user.email,
            "available": true,
            "availability_status": "available",
            "language": "fr-FR",
            "wrap_up_time": 30,
        }))
    }

    /// The user of `/v2/users`: no `numbers`, but state and extension.
    pub(super) fn user_v2(&self, id: u64) -> Option<Value> {
        let user = self.users.get(&id)?;
        let place = self.users.range(..=id).count();
        Some(json!({
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "direct_link": format!("https://api.aircall.io/v2/users/{}", user.id),
            "language": "fr-FR",
            "created_at": CREATED_AT,
            "time_zone": "Europe/Paris",
            "state": "always_opened",
            "wrap_up_time": 30,
            "extension": format!("{place:03}"),
            "availability_status": "available",
            "available": true,
            "default_number_id": null,
            "substatus": "always_opened",
        }))
    }

    /// The number inside a webhook's call.
    pub(super) fn number_in_call(&self, id: u64) -> Option<Value> {
        let number = self.numbers.get(&id)?;
        let media = |name: &str| format!("https://media.aircall.example/numbers/{id}/{name}.mp3");
        let e164: String = number.digits.chars().filter(|c| *c == '+' || c.is_ascii_digit()).collect();
        Some(json!({
            "id": number.id,
            "direct_link": format!("https://api.aircall.io/v1/numbers/{}", number.id),
            "name": number.name,
            "digits": number.digits,
            "e164_digits": e164,
            "country": number.country,
            "time_zone": number.time_zone,
            "open": true,
            "availability_status": "open",
            "is_ivr": false,
            "live_recording_activated": false,
            "messages": {
                "welcome": media("welcome"),
                "waiting": media("waiting"),
                "ivr": media("ivr"),
                "voicemail": media("voicemail"),
                "closed": media("closed"),
                "callback_later": media("callback_later"),
            },
        }))
    }

    /// The number inside a webhook's message.
    pub(super) fn number_in_message(&self, id: u64) -> Option<Value> {
        let number = self.number_in_call(id)?;
        let kept = ["id", "name", "digits", "e164_digits", "country"];
        Some(kept.iter().map(|key| ((*key).to_owned(), number[*key].clone())).collect())
    }

    /// The number of `/v1/numbers`; without its users in a list.
    pub(super) fn number_rest(&self, id: u64, with_users: bool) -> Option<Value> {
        let mut number = self.number_in_call(id)?;
        let fields = number.as_object_mut()?;
        fields.remove("e164_digits");
        fields.insert("created_at".into(), json!(CREATED_AT));
        fields.insert("priority".into(), Value::Null);
        if with_users {
            fields.insert("users".into(), self.users_in_call());
        }
        Some(number)
    }

    pub(super) fn team_in_call(&self, id: u64) -> Option<Value> {
        let team = self.teams.get(&id)?;
        Some(json!({
            "id": team.id,
            "name": team.name,
            "direct_link": format!("https://api.aircall.io/v1/teams/{}", team.id),
            "created_at": CREATED_AT,
        }))
    }

    /// The team of `/v1/teams`: the data file does not say who is in which team, so everybody is in each.
    pub(super) fn team_rest(&self, id: u64) -> Option<Value> {
        let mut team = self.team_in_call(id)?;
        team.as_object_mut()?.insert("users".into(), self.users_in_call());
        Some(team)
    }

    fn users_in_call(&self) -> Value {
        self.users.keys().filter_map(|id| self.user_in_call(*id)).collect()
    }

    pub(super) fn user_ids(&self) -> Vec<u64> {
        self.users.keys().copied().collect()
    }

    pub(super) fn number_ids(&self) -> Vec<u64> {
        self.numbers.keys().copied().collect()
    }

    pub(super) fn team_ids(&self) -> Vec<u64> {
        self.teams.keys().copied().collect()
    }
}
