//! Sessions, and the count of wrong passwords: in PostgreSQL, so that several consoles can serve one address and a restart signs nobody out.

use std::time::Duration;

use base::{
    db::{Client, Database},
    error::Result,
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::super::visitor::{Person, Way};
use crate::access::Role;
pub(super) use crate::tokens::digest;

pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// With this many wrong passwords, and with each further one, signing in is blocked for a while.
const FREE_FAILURES: i32 = 5;
const FIRST_WAIT_S: f64 = 5.0;
const LONGEST_WAIT_S: f64 = 300.0;

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) csrf: String,
    pub(super) person: Person,
}

/// Starts a session and returns its cookie.
pub(super) async fn begin(client: &Client, person: &Person) -> Result<(String, Session)> {
    // Each has 122 random bits from the operating system.
    let (cookie, csrf) = (random(), random());
    let sql = "with old as (delete from console_sessions where until < now())
               insert into console_sessions (key, csrf, who, role, way, until)
               values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))";
    let (key, lifetime) = (digest(&cookie), LIFETIME.as_secs_f64());
    let (role, way) = (person.role.as_str(), person.way.as_str());
    client.execute(sql, &[&key, &csrf, &person.name, &role, &way, &lifetime]).await?;
    Ok((cookie, Session { csrf, person: person.clone() }))
}

pub(super) async fn get(client: &Client, cookie: &str) -> Result<Option<Session>> {
    let sql = "select csrf, who, role, way from console_sessions where key = $1 and until > now()";
    let row = client.prepared_query_opt(sql, &[&digest(cookie)]).await?;
    Ok(row.and_then(|row| {
        let person = Person { name: row.get(1), role: Role::parse(row.get(2))?, way: Way::parse(row.get(3)) };
        Some(Session { csrf: row.get(0), person })
    }))
}

pub(super) async fn end(client: &Client, cookie: &str) -> Result<()> {
    client.execute("delete from console_sessions where key = $1", &[&digest(cookie)]).await?;
    Ok(())
}

pub(super) fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Equal, in a time that says nothing about either.
pub(super) fn same(one: &str, other: &str) -> bool {
    bool::from(blake3::hash(one.as_bytes()).as_bytes().ct_eq(blake3::hash(other.as_bytes()).as_bytes()))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// The password was not compared.
    Wait(Duration),
}

/// Compares passwords, one at a time, so that nobody tries many at once.
pub(in crate::console) struct Password {
    right: SecretString,
    turn: Mutex<()>,
}

impl Password {
    pub(in crate::console) fn new(right: &SecretString) -> Self {
        Self { right: right.clone(), turn: Mutex::default() }
    }

    pub(super) fn is_set(&self) -> bool {
        !self.right.expose_secret().is_empty()
    }

    pub(super) async fn check(&self, database: &Database, given: &str) -> Result<Verdict> {
        if !self.is_set() {
            return Ok(Verdict::Wrong);
        }
        let _turn = self.turn.lock().await;
        let client = database.client().await?;
        let sql = "select failures, extract(epoch from wait_until - now())::float8 from console_failures";
        let before = client.query_opt(sql, &[]).await?;
        let failures = before.as_ref().map_or(0, |row| row.get::<_, i32>(0));
        let wait = before.map_or(0.0, |row| row.get::<_, f64>(1));
        if wait > 0.0 {
            return Ok(Verdict::Wait(Duration::from_secs_f64(wait.min(LONGEST_WAIT_S))));
        }
        if same(given, self.right.expose_secret()) {
            if failures > 0 {
                client.execute("delete from console_failures", &[]).await?;
            }
            return Ok(Verdict::Right);
        }
        let sql = "insert into console_failures as old (failures, wait_until) values (1, now())
                   on conflict (only_row) do update set failures = old.failures + 1, wait_until = now() + make_interval(secs => $1)";
        client.execute(sql, &[&wait_after(failures + 1)]).await?;
        Ok(Verdict::Wrong)
    }
}

/// How long nobody may try after so many wrong passwords in a row.
fn wait_after(failures: i32) -> f64 {
    if failures < FREE_FAILURES {
        return 0.0;
    }
    (FIRST_WAIT_S * 2_f64.powi((failures - FREE_FAILURES).min(10))).min(LONGEST_WAIT_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_password_blocks_longer() {
        let waits: Vec<_> = (1..14).map(wait_after).collect();
        assert_eq!(waits, [0.0, 0.0, 0.0, 0.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]);
        assert!(same("a", "a") && !same("a", "b") && !same("a", ""));
    }
}
