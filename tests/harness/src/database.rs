//! Creates and removes the database of each stack.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// The connection runs in a task of the current runtime.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

pub(crate) async fn create(server: &str, name: &str) -> Result<()> {
    let server = connect(server).await?;
    server.batch_execute(&format!("create database {name}")).await.context("create database")?;
    // Else the workers of each test would look for logs from before.
    let new = format!("alter database {name} set callbridge.logged_nothing = 'yes'");
    server.batch_execute(&new).await.context("alter database")
}

/// Also closes the connections that are still open.
pub(crate) async fn remove(server: &str, name: &str) -> Result<()> {
    let drop = format!("drop database if exists {name} with (force)");
    connect(server).await?.batch_execute(&drop).await.context("drop database")
}

pub(crate) async fn list(server: &str, prefix: &str) -> Result<Vec<String>> {
    let sql = "select datname::text from pg_database where starts_with(datname, $1)";
    let rows = connect(server).await?.query(sql, &[&prefix]).await.context("pg_database")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The URL of another database on the same server.
pub(crate) fn named(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    match query {
        Some(query) => format!("{server}/{name}?{query}"),
        None => format!("{server}/{name}"),
    }
}

/// All rows of all tables as text, each table under its name.
pub(crate) async fn dump(client: &Client) -> Result<String> {
    let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
    let mut all = String::new();
    for table in client.query(tables, &[]).await? {
        let table: String = table.get(0);
        let row =
            if table == "inbox" { "kind || ' ' || trace || ' ' || convert_from(body, 'UTF8')" } else { "t::text" };
        let sql = format!("select coalesce(string_agg({row}, E'\\n'), '') from {table} t");
        let _ = writeln!(all, "== {table}\n{}", client.query_one(&sql, &[]).await?.get::<_, String>(0));
    }
    Ok(all)
}
