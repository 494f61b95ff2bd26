//! PostgreSQL: reachable, its version, migrations, clock, and what the workers keep there.

use base::{
    db::{self, Client, Database},
    settings::Settings,
};
use deadpool_postgres::PoolError;
use jiff::Timestamp;
use resolver::directory::store;
use tokio_postgres::error::DbError;

use super::{Finding, Verdict, clock, look, rules};

/// The findings, and the database if requests can go through its budget.
pub(super) async fn findings(settings: &Settings) -> (Vec<Finding>, Option<Database>) {
    let mut open = None;
    let connection = look("database", async {
        match Database::unsupervised(&settings.database_url, 8) {
            Err(e) => Verdict::failed(format!("{e:#}"), "set DATABASE_URL right"),
            Ok(database) => match database.connect().await {
                Ok(client) => {
                    open = Some((database, client));
                    Verdict::ok("connected")
                }
                Err(e) => refused(&e),
            },
        }
    })
    .await;
    let Some((database, client)) = open else {
        let rest = ["database version", "migrations", "clock of the database", "phone directory"];
        let rest = rest.map(|what| Verdict::not_checked("the database cannot be used").of(what));
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
    let clock = look("clock of the database", their_clock(&client)).await;
    let directory = match applied {
        Some(_) => look("phone directory", directory(&client)).await,
        None => Verdict::not_checked("the migrations are missing").of("phone directory"),
    };
    (vec![connection, version, migrations, clock, directory], applied.map(|_| database))
}

fn refused(e: &PoolError) -> Verdict {
    let PoolError::Backend(e) = e else {
        return unreachable(&e.to_string());
    };
    match e.as_db_error() {
        Some(answer) => said_no(answer),
        // Its own text does not tell; the cause beneath does, and neither quotes the URL.
        None => unreachable(&std::error::Error::source(e).map_or_else(|| e.to_string(), ToString::to_string)),
    }
}

fn said_no(answer: &DbError) -> Verdict {
    by_code(answer.code().code())
}

/// By PostgreSQL's code: its messages quote names.
fn by_code(code: &str) -> Verdict {
    match code {
        "28P01" | "28000" => Verdict::failed(
            format!("PostgreSQL does not let this user in ({code})"),
            "set user and password in DATABASE_URL right, or let the user in by pg_hba.conf",
        ),
        "3D000" => Verdict::failed(
            format!("there is no such database ({code})"),
            "create it (createdb), or set the name in DATABASE_URL right",
        ),
        "53300" => Verdict::failed(
            format!("PostgreSQL has no connection left ({code})"),
            "raise max_connections, or lower CONCURRENCY: a worker takes twice that and a few more",
        ),
        _ => Verdict::failed(format!("PostgreSQL answered {code}"), "look into PostgreSQL's log"),
    }
}

fn unreachable(problem: &str) -> Verdict {
    Verdict::failed(
        format!("it cannot be reached: {problem}"),
        "start PostgreSQL, or set host and port in DATABASE_URL right (?sslmode=disable if it has no TLS)",
    )
}

fn unreadable(problem: &str) -> Verdict {
    Verdict::failed(problem, "let the user of DATABASE_URL own the tables; see docs/errors.md")
}

async fn version(client: &Client) -> Verdict {
    let sql = "select current_setting('server_version_num')::int";
    match client.query_one(sql, &[]).await {
        Ok(row) => rules::database_version(row.get(0)),
        Err(e) => unreadable(&base::error::Error::from(e).to_string()),
    }
}

async fn their_clock(client: &Client) -> Verdict {
    let asked = Timestamp::now();
    match client.query_one("select clock_timestamp()", &[]).await {
        Ok(row) => clock::verdict(asked, row.get(0)),
        Err(e) => unreadable(&base::error::Error::from(e).to_string()),
    }
}

async fn directory(client: &Client) -> Verdict {
    let kinds = match store::progress(client).await {
        Ok(kinds) => kinds,
        Err(e) => return unreadable(&e.to_string()),
    };
    let loaded = kinds.iter().filter(|kind| kind.loaded_at.is_some()).count();
    let status = "see `callbridge directory status`; until then every look-up asks Sellsy";
    match kinds.iter().find_map(|kind| kind.problem.as_deref()) {
        Some(problem) => Verdict::warning(format!("it could not be read to its end: {problem}"), status),
        None if loaded == 3 => Verdict::ok("all three kinds of record are loaded"),
        None => Verdict::warning(format!("{loaded} of 3 kinds of record are loaded"), status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_to_do_by_code() {
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
