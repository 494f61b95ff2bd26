//! PostgreSQL: whether it is reachable, its version, migrations, clock, and the phone directory in it.

use base::{
    db::{self, Client, Database},
    error::with_causes,
    settings::Settings,
};
use broker::topology::DELAYS;
use deadpool_postgres::PoolError;
use insights::{LESS_THAN_S, MORE_THAN_S};
use jiff::Timestamp;
use ledger::{calls, delays};
use resolver::directory::store;

use super::{Finding, Verdict, clock, look, rules};
use crate::directory::left_out;

const DELAYS_GIVE_BACK: &str = "delay queues";

/// Returns the findings, and the database if API requests can use the budget in it.
pub(super) async fn findings(settings: &Settings) -> (Vec<Finding>, Option<Database>) {
    let mut open = None;
    let connection = look("database", async {
        match Database::unsupervised(&settings.database_url, 8) {
            Err(e) => Verdict::failed(with_causes(e.as_ref()), "correct DATABASE_URL"),
            Ok(database) => match database.connect().await {
                Ok(client) => {
                    open = Some((database, client));
                    Verdict::ok("connected")
                }
                Err(e) => connection_verdict(&e),
            },
        }
    })
    .await;
    let Some((database, client)) = open else {
        let rest = [
            "database version",
            "migrations",
            "clock of the database",
            "phone directory",
            "AI insights",
            DELAYS_GIVE_BACK,
        ];
        let rest = rest.map(|what| Verdict::not_checked("the database cannot be used").about(what));
        return (std::iter::once(connection).chain(rest).collect(), None);
    };
    let mut applied = None;
    let version = look("database version", version(&client)).await;
    let migrations = look("migrations", async {
        match db::migrations(&client).await {
            Ok((at, newest)) => {
                applied = at;
                rules::migrations(at, newest)
            }
            Err(e) => unreadable(&e.to_string()),
        }
    })
    .await;
    let clock = look("clock of the database", server_clock(&client)).await;
    let directory = match applied {
        Some(_) => look("phone directory", directory(&client)).await,
        None => Verdict::not_checked("the migrations are missing").about("phone directory"),
    };
    let insights = match applied {
        Some(_) => look("AI insights", ai_insights(&client)).await,
        None => Verdict::not_checked("the migrations are missing").about("AI insights"),
    };
    let delays = match applied {
        Some(_) => look(DELAYS_GIVE_BACK, delays(&client)).await,
        None => Verdict::not_checked("the migrations are missing").about(DELAYS_GIVE_BACK),
    };
    (vec![connection, version, migrations, clock, directory, insights, delays], applied.map(|_| database))
}

/// What ingest has found out; here there is no time to wait for a message.
async fn delays(client: &Client) -> Verdict {
    let all = match delays::all(client, DELAYS).await {
        Ok(all) => all,
        Err(e) => return unreadable(&e.to_string()),
    };
    let held: Vec<_> = all.iter().filter(|delay| delay.is_held()).collect();
    if held.is_empty() {
        return Verdict::ok("they give messages back in time");
    }
    let which: Vec<_> =
        held.iter().map(|delay| format!("{} by {:.0} s", delay.delay, delay.held.as_secs_f64())).collect();
    Verdict::failed(
        format!("messages are held past their time: {}", which.join(", ")),
        "docs/operating.md, \"A delay queue holds messages\"; the ledger hands their calls on meanwhile",
    )
}

fn connection_verdict(e: &PoolError) -> Verdict {
    let PoolError::Backend(e) = e else {
        return unreachable(&e.to_string());
    };
    match e.as_db_error() {
        Some(answer) => by_code(answer.code().code()),
        // The error's own text does not say why, but its source does; neither quotes the URL.
        None => unreachable(&std::error::Error::source(e).map_or_else(|| e.to_string(), ToString::to_string)),
    }
}

/// By PostgreSQL's error code, because its messages quote names.
fn by_code(code: &str) -> Verdict {
    match code {
        "28P01" | "28000" => Verdict::failed(
            format!("PostgreSQL refuses this user ({code})"),
            "correct user and password in DATABASE_URL, or allow the user in pg_hba.conf",
        ),
        "3D000" => Verdict::failed(
            format!("there is no such database ({code})"),
            "create it (createdb), or correct the name in DATABASE_URL",
        ),
        "53300" => Verdict::failed(
            format!("PostgreSQL has no connection left ({code})"),
            "raise max_connections, or run fewer replicas: a worker opens up to 20 connections",
        ),
        _ => Verdict::failed(format!("PostgreSQL answered {code}"), "see PostgreSQL's log"),
    }
}

fn unreachable(problem: &str) -> Verdict {
    Verdict::failed(
        format!("it cannot be reached: {problem}"),
        "start PostgreSQL, or correct host and port in DATABASE_URL (?sslmode=disable if it has no TLS)",
    )
}

fn unreadable(problem: &str) -> Verdict {
    Verdict::failed(problem, "make the user of DATABASE_URL the owner of the tables; see docs/errors.md")
}

async fn version(client: &Client) -> Verdict {
    let sql = "select current_setting('server_version_num')::int";
    match client.query_one(sql, &[]).await {
        Ok(row) => rules::database_version(row.get(0)),
        Err(e) => unreadable(&base::error::Error::from(e).to_string()),
    }
}

async fn server_clock(client: &Client) -> Verdict {
    let asked_at = Timestamp::now();
    match client.query_one("select clock_timestamp()", &[]).await {
        Ok(row) => clock::verdict(asked_at, row.get(0)),
        Err(e) => unreadable(&base::error::Error::from(e).to_string()),
    }
}

async fn directory(client: &Client) -> Verdict {
    let kinds = match store::progress(client).await {
        Ok(kinds) => kinds,
        Err(e) => return unreadable(&e.to_string()),
    };
    let loaded = kinds.iter().filter(|kind| kind.loaded_at.is_some()).count();
    let status = "see `callbridge directory status`; until it is loaded, every look-up asks Sellsy";
    let too_few = kinds.iter().find_map(|kind| Some(format!("{}: {}", kind.kind, kind.too_few()?)));
    let odd = kinds.iter().find(|kind| kind.pass_unreadable > 0);
    let odd = odd.map(|kind| format!("{}: {}", kind.kind, left_out(kind.pass_unreadable)));
    match kinds.iter().find_map(|kind| kind.problem.clone()).or(too_few).or(odd) {
        Some(problem) => Verdict::warning(format!("it could not be read completely: {problem}"), status),
        None if loaded == 3 => Verdict::ok("all three kinds of record are loaded"),
        None => Verdict::warning(format!("{loaded} of 3 kinds of record are loaded"), status),
    }
}

async fn ai_insights(client: &Client) -> Verdict {
    match calls::insights_by_line(client, MORE_THAN_S, LESS_THAN_S).await {
        Ok(lines) => rules::insights(&lines),
        Err(e) => unreadable(&e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_cure() {
        for (code, cure) in [
            ("28P01", "password"),
            ("28000", "password"),
            ("3D000", "createdb"),
            ("53300", "max_connections"),
            ("57P03", "log"),
        ] {
            let verdict = by_code(code);
            assert!(verdict.cure.unwrap_or_default().contains(cure), "{code}");
        }
    }
}
