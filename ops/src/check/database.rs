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

use super::{
    Finding, Verdict, clock, look, rules,
    said::{list, name, quoted},
    texts,
};
use crate::directory::left_out;

/// Returns the findings, and the database if API requests can use the budget in it.
pub(super) async fn findings(settings: &Settings) -> (Vec<Finding>, Option<Database>) {
    let mut open = None;
    let connection = look(texts::DATABASE, async {
        match Database::unsupervised(&settings.database_url, 8) {
            Err(e) => Verdict::failed(quoted(with_causes(e.as_ref())), texts::CORRECT_DATABASE_URL),
            Ok(database) => match database.connect().await {
                Ok(client) => {
                    open = Some((database, client));
                    Verdict::ok(texts::CONNECTED)
                }
                Err(e) => connection_verdict(&e),
            },
        }
    })
    .await;
    let Some((database, client)) = open else {
        let rest = [
            texts::DATABASE_VERSION,
            texts::MIGRATIONS,
            texts::DATABASE_CLOCK,
            texts::DIRECTORY,
            texts::INSIGHTS,
            texts::DELAYS,
        ];
        let rest = rest.map(|what| Verdict::not_checked(texts::DATABASE_SILENT).about(what));
        return (std::iter::once(connection).chain(rest).collect(), None);
    };
    let mut applied = None;
    let version = look(texts::DATABASE_VERSION, version(&client)).await;
    let migrations = look(texts::MIGRATIONS, async {
        match db::migrations(&client).await {
            Ok((at, newest)) => {
                applied = at;
                rules::migrations(at, newest)
            }
            Err(e) => unreadable(&e.to_string()),
        }
    })
    .await;
    let clock = look(texts::DATABASE_CLOCK, server_clock(&client)).await;
    let directory = match applied {
        Some(_) => look(texts::DIRECTORY, directory(&client)).await,
        None => Verdict::not_checked(texts::NO_MIGRATIONS).about(texts::DIRECTORY),
    };
    let insights = match applied {
        Some(_) => look(texts::INSIGHTS, ai_insights(&client)).await,
        None => Verdict::not_checked(texts::NO_MIGRATIONS).about(texts::INSIGHTS),
    };
    let delays = match applied {
        Some(_) => look(texts::DELAYS, delays(&client)).await,
        None => Verdict::not_checked(texts::NO_MIGRATIONS).about(texts::DELAYS),
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
        return Verdict::ok(texts::DELAYS_FINE);
    }
    let by = |delay: &delays::Delay| {
        texts::HELD_BY.with([name(&delay.delay), name(format!("{:.0}", delay.held.as_secs_f64()))])
    };
    let which = list(held.into_iter().map(by), ", ");
    Verdict::failed(texts::DELAYS_HOLD.with([which]), texts::DELAYS_CURE)
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
        "28P01" | "28000" => Verdict::failed(texts::USER_REFUSED.with([name(code)]), texts::USER_REFUSED_CURE),
        "3D000" => Verdict::failed(texts::NO_DATABASE.with([name(code)]), texts::NO_DATABASE_CURE),
        "53300" => Verdict::failed(texts::NO_CONNECTION_LEFT.with([name(code)]), texts::NO_CONNECTION_LEFT_CURE),
        _ => Verdict::failed(texts::POSTGRES_ANSWERED.with([name(code)]), texts::POSTGRES_LOG),
    }
}

fn unreachable(problem: &str) -> Verdict {
    Verdict::failed(texts::UNREACHABLE.with([quoted(problem)]), texts::POSTGRES_UNREACHABLE_CURE)
}

fn unreadable(problem: &str) -> Verdict {
    Verdict::failed(quoted(problem), texts::OWNER_OF_TABLES)
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
    let too_few = kinds.iter().find_map(|kind| Some(format!("{}: {}", kind.kind, kind.too_few()?)));
    let odd = kinds.iter().find(|kind| kind.pass_unreadable > 0);
    let odd = odd.map(|kind| format!("{}: {}", kind.kind, left_out(kind.pass_unreadable)));
    match kinds.iter().find_map(|kind| kind.problem.clone()).or(too_few).or(odd) {
        Some(problem) => Verdict::warning(texts::DIRECTORY_PROBLEM.with([quoted(problem)]), texts::DIRECTORY_CURE),
        None if loaded == 3 => Verdict::ok(texts::DIRECTORY_LOADED),
        None => Verdict::warning(texts::DIRECTORY_PART.with([name(loaded)]), texts::DIRECTORY_CURE),
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
            assert!(verdict.cure.unwrap_or_default().english.contains(cure), "{code}");
        }
    }
}
