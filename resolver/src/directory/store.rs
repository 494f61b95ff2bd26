//! The directory's tables.

use base::{
    db::Client,
    error::Result,
    ids::Kind,
    phone::{E164, Region},
    settings::Matching,
};
use broker::event::RecordHint;
use jiff::Timestamp;
use ledger::resolution::{Company, Record, RecordRef};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::{Transaction, types::Json};

use super::{
    opportunities,
    pass::{Seen, TooFew},
};
use crate::record::Listed;

/// How long a number that no record had is assumed to stay without one.
const MISS_S: f64 = 600.0;
/// How long a contact's stored companies decide; linking one need not change the contact.
pub(super) const COMPANIES_KEPT_S: f64 = 300.0;

/// A record that the directory has for a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub record: Record,
    pub companies: Companies,
    /// When the record was last read from Sellsy.
    pub seen_at: Timestamp,
}

/// What is known of the companies of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Companies {
    /// There is nothing to know.
    None,
    Unknown,
    /// They are stored in the record.
    Known {
        /// They can still decide, until then.
        fresh: bool,
        until: Timestamp,
    },
}

impl Companies {
    /// Only contacts have companies.
    pub(crate) fn unless_contact(kind: Kind) -> Self {
        if kind == Kind::Contact { Self::Unknown } else { Self::None }
    }

    pub(crate) fn until(self) -> Option<Timestamp> {
        match self {
            Self::Known { until, .. } => Some(until),
            Self::None | Self::Unknown => None,
        }
    }
}

/// Whether a record that can match has this number, for a line in this country.
pub(crate) async fn knows(client: &Client, number: &E164, line: Region, matching: Matching) -> Result<bool> {
    let sql = "select exists (select from directory_numbers n join directory_records r using (kind, id)
                               where n.number = $1 and (n.only_for is null or n.only_for = $2) and (not r.archived or $3))";
    Ok(client.prepared_query_one(sql, &[&number.as_str(), &line.to_string(), &matching.archived]).await?.get(0))
}

/// A record of the directory, if it has it.
pub(crate) async fn one(client: &Client, record: RecordRef) -> Result<Option<Entry>> {
    let sql = "select record, companies, companies_at + make_interval(secs => $3) as until, seen_at, now() as now
                 from directory_records where kind = $1 and id = $2";
    let row = client.prepared_query_opt(sql, &[&record.kind.to_string(), &record.id, &COMPANIES_KEPT_S]).await?;
    Ok(row.as_ref().and_then(entry))
}

/// From the row's columns of these names.
pub(super) fn entry(row: &tokio_postgres::Row) -> Option<Entry> {
    let Json(mut record): Json<Record> = row.get::<_, Option<_>>("record")?;
    let (stored, until): (Option<Json<Vec<Company>>>, Option<Timestamp>) = (row.get("companies"), row.get("until"));
    let companies = match (record.kind, stored, until) {
        (Kind::Contact, Some(Json(stored)), Some(until)) => {
            record.companies = stored;
            Companies::Known { fresh: until > row.get::<_, Timestamp>("now"), until }
        }
        (kind, ..) => Companies::unless_contact(kind),
    };
    Some(Entry { record, companies, seen_at: row.get("seen_at") })
}

/// Writes records as they are now, with their numbers. The stored companies of a contact are kept while the contact has
/// not changed.
pub(crate) async fn put(transaction: &Transaction<'_>, listed: &[Listed]) -> Result<()> {
    let rows: Vec<Value> = listed.iter().map(row).collect();
    // All statements but one need no more; the server reads their parameter anew for each.
    let keys: Vec<Value> = listed.iter().map(key).collect();
    let records = "insert into directory_records as old (kind, id, record, archived, updated_at)
                   select kind, id, record, archived, updated_at
                     from jsonb_to_recordset($1) as new(kind text, id bigint, record jsonb, archived boolean, updated_at timestamptz)
                   on conflict (kind, id) do update
                      set record = excluded.record, archived = excluded.archived, updated_at = excluded.updated_at,
                          seen_at = now(),
                          companies_at = case when old.updated_at is not distinct from excluded.updated_at
                                              then old.companies_at end";
    let outdated = "delete from directory_numbers n
                     using jsonb_to_recordset($1) as new(kind text, id bigint, numbers text[])
                     where n.kind = new.kind and n.id = new.id and not (n.number = any(new.numbers))";
    let numbers = "insert into directory_numbers as old (number, only_for, kind, id)
                   select number, region, kind, id
                     from jsonb_to_recordset($1) as new(kind text, id bigint, numbers text[], only_for text[]),
                          unnest(new.numbers, new.only_for) as one(number, region)
                   on conflict (number, kind, id) do update set only_for = excluded.only_for
                    where old.only_for is distinct from excluded.only_for";
    let corrected = "delete from directory_unread old using jsonb_to_recordset($1) as new(kind text, id bigint)
                      where (old.kind, old.id) = (new.kind, new.id)";
    let unread = "insert into directory_unread (kind, id, problem, typed)
                  select kind, id, problem, typed
                    from jsonb_to_recordset($1) as new(kind text, id bigint, unread jsonb),
                         jsonb_to_recordset(new.unread) as one(problem text, typed text)
                  on conflict do nothing";
    let known = "delete from directory_misses
                  using jsonb_to_recordset($1) as new(numbers text[]) where number = any(new.numbers)";
    // A company that was archived or became a supplier changes the result for its contacts.
    let of_changed = "update directory_records contact set companies_at = null
                        from (select new.id from jsonb_to_recordset($1) as new(kind text, id bigint, updated_at timestamptz)
                                join directory_records old using (kind, id)
                               where new.kind = 'company' and old.updated_at is distinct from new.updated_at) company
                       where contact.kind = 'contact' and contact.companies @> jsonb_build_array(jsonb_build_object('id', company.id))";
    let (rows, keys) = (Json(rows), Json(keys));
    transaction.execute(of_changed, &[&keys]).await?;
    transaction.execute(records, &[&rows]).await?;
    for sql in [outdated, numbers, corrected, known] {
        transaction.execute(sql, &[&keys]).await?;
    }
    if listed.iter().any(|listed| !listed.numbers.unread.is_empty()) {
        transaction.execute(unread, &[&keys]).await?;
    }
    Ok(())
}

fn row(listed: &Listed) -> Value {
    let Record { kind, id, archived, .. } = &listed.record;
    let updated_at = listed.updated_at.map(|at| at.to_string());
    json!({ "kind": kind, "id": id, "record": listed.record, "archived": archived, "updated_at": updated_at })
}

fn key(listed: &Listed) -> Value {
    let Record { kind, id, .. } = &listed.record;
    let updated_at = listed.updated_at.map(|at| at.to_string());
    let numbers: Vec<&str> = listed.numbers.read.iter().map(|read| read.number.as_str()).collect();
    let only_for: Vec<_> =
        listed.numbers.read.iter().map(|read| read.only_for.map(|region| region.to_string())).collect();
    let unread = listed.numbers.unread.iter().map(|field| json!({ "problem": field.problem, "typed": field.typed }));
    json!({
        "kind": kind, "id": id, "updated_at": updated_at,
        "numbers": numbers, "only_for": only_for, "unread": unread.collect::<Vec<_>>(),
    })
}

/// Returns until when they decide.
pub(crate) async fn put_companies(client: &Client, contact: i64, companies: &[Company]) -> Result<Companies> {
    // Nothing is stored for a contact that the directory has lost meanwhile.
    let sql = "with stored as (update directory_records set companies = $2, companies_at = now() where kind = 'contact' and id = $1)
               select now() + make_interval(secs => $3)";
    let until = client.prepared_query_one(sql, &[&contact, &Json(companies), &COMPANIES_KEPT_S]).await?.get(0);
    Ok(Companies::Known { fresh: true, until })
}

/// The companies of this contact are read anew when they are needed.
pub(crate) async fn doubt_companies(client: &Client, contact: i64) -> Result<()> {
    let sql = "update directory_records set companies_at = null where kind = 'contact' and id = $1";
    client.prepared_execute(sql, &[&contact]).await?;
    Ok(())
}

/// Removes a record that no longer exists in Sellsy.
pub async fn remove(client: &Client, record: &RecordHint) -> Result<()> {
    let sql = "delete from directory_records where kind = $1 and id = $2";
    client.prepared_execute(sql, &[&record.kind.to_string(), &record.id]).await?;
    Ok(())
}

/// Whether a recent look-up found no record with this number.
pub(crate) async fn is_missing(client: &Client, number: &E164) -> Result<bool> {
    let sql = "select 1 from directory_misses where number = $1 and until > now()";
    Ok(client.prepared_query_opt(sql, &[&number.as_str()]).await?.is_some())
}

pub(crate) async fn remember_missing(client: &Client, number: &E164) -> Result<()> {
    let sql = "with old as (delete from directory_misses where until < now() and number <> $1)
               insert into directory_misses (number, until) values ($1, now() + make_interval(secs => $2))
               on conflict (number) do update set until = excluded.until";
    client.prepared_execute(sql, &[&number.as_str(), &MISS_S]).await?;
    Ok(())
}

/// Sellsy is asked for this number again, although it had nobody a short while before.
pub(crate) async fn forget_miss(client: &Client, number: &E164) -> Result<()> {
    client.prepared_execute("delete from directory_misses where number = $1", &[&number.as_str()]).await?;
    Ok(())
}

/// The progress of one kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Progress {
    pub kind: String,
    /// When all records were read the last time. `None` until they have been once.
    pub loaded_at: Option<Timestamp>,
    pub pass_started_at: Option<Timestamp>,
    pub pass_ended_at: Option<Timestamp>,
    #[serde(skip)]
    pub pass_cursor: Option<String>,
    /// Records read in this pass, and how many there are according to Sellsy.
    pub pass_rows: i64,
    /// Rows of this pass that could not be read, and are left out.
    pub pass_unreadable: i64,
    pub pass_total: Option<i64>,
    /// Records that this pass has not seen: not yet, or kept although it is over.
    pub pass_unseen: i64,
    pub changes_until: Option<Timestamp>,
    pub problem: Option<String>,
    /// When a turn was requested, and a turn that reads everything.
    pub requested_at: Option<Timestamp>,
    pub pass_requested_at: Option<Timestamp>,
    /// When the last successful turn began.
    pub turned_at: Option<Timestamp>,
}

impl Progress {
    /// Why the last pass removed nothing.
    pub fn too_few(&self) -> Option<TooFew> {
        self.pass_ended_at?;
        let (rows, unreadable) = (self.pass_rows, self.pass_unreadable);
        Seen { rows, unreadable, total: self.pass_total, known: rows + self.pass_unseen }.too_few()
    }

    /// A request is fulfilled when a turn that began after it has succeeded.
    pub fn is_requested(&self) -> bool {
        self.requested_at.is_some() && self.requested_at > self.turned_at
    }

    /// The same for a pass that reads everything.
    pub(crate) fn is_pass_requested(&self) -> bool {
        self.pass_requested_at.is_some() && self.pass_requested_at > self.pass_started_at
    }
}

pub async fn progress(client: &Client) -> Result<Vec<Progress>> {
    let sql = "select kind, loaded_at, pass_started_at, pass_ended_at, pass_cursor, pass_rows, pass_total, changes_until, problem,
                        requested_at, pass_requested_at, turned_at, pass_unreadable,
                        (select count(*) from directory_records r where r.kind = s.kind and r.seen_at < s.pass_started_at)
                 from directory_sync s order by array_position(array['individual', 'company', 'contact'], kind)";
    let rows = client.prepared_query(sql, &[]).await?;
    let progress = |r: &tokio_postgres::Row| Progress {
        kind: r.get(0),
        loaded_at: r.get(1),
        pass_started_at: r.get(2),
        pass_ended_at: r.get(3),
        pass_cursor: r.get(4),
        pass_rows: r.get(5),
        pass_total: r.get(6),
        changes_until: r.get(7),
        problem: r.get(8),
        requested_at: r.get(9),
        pass_requested_at: r.get(10),
        turned_at: r.get(11),
        pass_unreadable: r.get(12),
        pass_unseen: r.get(13),
    };
    Ok(rows.iter().map(progress).collect())
}

/// What a requested turn has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Changes,
    /// Read all records again.
    Everything,
    /// The same, and the pass may remove what it has not seen even if that is far more than usual.
    EverythingEvenIfFewer,
}

/// Requests a turn now from the replica that has the lock. False while the first pass has not begun: then there is nothing to
/// request.
pub async fn request(client: &Client, turn: Turn) -> Result<bool> {
    request_of(client, turn, None).await
}

/// The same for one kind of record.
pub async fn request_of(client: &Client, turn: Turn, kind: Option<Kind>) -> Result<bool> {
    let sql = "update directory_sync set requested_at = now(), problem = null,
                      pass_requested_at = case when $1 then now() else pass_requested_at end,
                      fewer_accepted_at = case when $2 then now() else fewer_accepted_at end
                where $3::text is null or kind = $3";
    let (everything, fewer) = (turn != Turn::Changes, turn == Turn::EverythingEvenIfFewer);
    Ok(client.prepared_execute(sql, &[&everything, &fewer, &kind.map(|kind| kind.to_string())]).await? > 0)
}

/// Whether a turn was requested and has not been completed yet.
pub(crate) async fn is_requested(client: &Client) -> Result<bool> {
    let sql = "select exists (select from directory_sync
                               where requested_at > coalesce(turned_at, '-infinity') and problem is null)";
    Ok(client.prepared_query_one(sql, &[]).await?.get(0))
}

pub(crate) async fn end_turn(client: &Client, kind: Kind, began: Timestamp) -> Result<()> {
    client
        .prepared_execute("update directory_sync set turned_at = $2 where kind = $1", &[&kind.to_string(), &began])
        .await?;
    Ok(())
}

/// Whether all three kinds have been read at least once.
pub(crate) async fn is_loaded(client: &Client) -> Result<bool> {
    let sql = "select count(*) = 3 from directory_sync where loaded_at is not null";
    Ok(client.prepared_query_one(sql, &[]).await?.get(0))
}

/// Begins a pass, or the one that is under way again. Changes from a little before now on are read again after it.
///
/// What an operator accepted is for the first pass that begins after it. It is tied to that pass by the time of its beginning, so
/// that no other pass takes it: not the one that was under way, and not a later one if a resolver that does not know of it (of an
/// earlier version) began or ended the one it was for.
pub(crate) async fn begin_pass(client: &Client, kind: Kind) -> Result<()> {
    let sql = "insert into directory_sync as old (kind, pass_started_at, changes_until) values ($1, now(), now() - interval '5 min')
               on conflict (kind) do update
                  set pass_started_at = now(), pass_ended_at = null, pass_cursor = null, pass_rows = 0, pass_unreadable = 0, pass_total = null,
                      changes_until = coalesce(old.changes_until, excluded.changes_until),
                      fewer_accepted_at = case when old.fewer_accepted_at > old.pass_started_at
                                                 or old.fewer_accepted_at = old.pass_started_at and old.pass_ended_at is null
                                               then now() end";
    client.prepared_execute(sql, &[&kind.to_string()]).await?;
    Ok(())
}

/// Stores that the page was read; the pass continues from the cursor, in whichever process.
pub(crate) async fn note_page(
    transaction: &Transaction<'_>,
    kind: Kind,
    cursor: Option<&str>,
    rows: usize,
    unreadable: u64,
    total: Option<i64>,
) -> Result<()> {
    let sql = "update directory_sync
                  set pass_cursor = $2, pass_rows = pass_rows + $3, pass_unreadable = pass_unreadable + $4,
                      pass_total = coalesce($5, pass_total), problem = null
                where kind = $1";
    let (rows, unreadable) = (i64::try_from(rows).unwrap_or(i64::MAX), i64::try_from(unreadable).unwrap_or(i64::MAX));
    transaction.execute(sql, &[&kind.to_string(), &cursor, &rows, &unreadable, &total]).await?;
    Ok(())
}

/// How a pass ended.
pub(crate) enum End {
    /// So many records, which it had not seen, were removed.
    Removed(u64),
    /// The same, although they were most of all, because an operator had said that they are gone.
    RemovedAsAccepted(u64),
    Kept(TooFew),
}

/// Everything has been read: removes the records that this pass has not seen, which no longer exist in Sellsy; or nothing if the
/// pass has seen too few ([`Seen::too_few`]) and no operator has accepted that. A kind that was read only in part is loaded all the
/// same unless Sellsy reports far more than it lists: the rows that cannot be read would keep it unloaded for ever.
pub(crate) async fn end_pass(transaction: &Transaction<'_>, kind: Kind) -> Result<End> {
    let kind = kind.to_string();
    let seen = "select pass_rows, pass_total, pass_unreadable, (select count(*) from directory_records where kind = $1 and seen_at < pass_started_at),
                       coalesce(fewer_accepted_at = pass_started_at, false)
                  from directory_sync where kind = $1";
    let row = transaction.query_one(seen, &[&kind]).await?;
    let (rows, unseen): (i64, i64) = (row.get(0), row.get(3));
    let seen = Seen { rows, unreadable: row.get(2), total: row.get(1), known: rows + unseen };
    // What was accepted meanwhile is for the next pass.
    let ended = "update directory_sync
                    set pass_ended_at = now(), pass_cursor = null,
                        loaded_at = case when $2 then now() else loaded_at end,
                        fewer_accepted_at = case when fewer_accepted_at > pass_started_at then fewer_accepted_at end
                  where kind = $1";
    transaction.execute(ended, &[&kind, &seen.is_load()]).await?;
    if let Some(too_few) = seen.too_few_unless(row.get(4)) {
        return Ok(End::Kept(too_few));
    }
    let gone = "delete from directory_records r using directory_sync s
                 where r.kind = $1 and s.kind = r.kind and r.seen_at < s.pass_started_at";
    let gone = transaction.execute(gone, &[&kind]).await?;
    Ok(if seen.too_few().is_some() { End::RemovedAsAccepted(gone) } else { End::Removed(gone) })
}

/// Changes up to a little before `asked_at` have been read; the margin is for Sellsy's clock, which may differ from the database's.
pub(crate) async fn note_changes(client: &Client, kind: Kind, asked_at: Timestamp) -> Result<()> {
    let sql =
        "update directory_sync set changes_until = $2::timestamptz - interval '5 min', problem = null where kind = $1";
    client.prepared_execute(sql, &[&kind.to_string(), &asked_at]).await?;
    Ok(())
}

pub(crate) async fn note_problem(client: &Client, kind: Kind, problem: &str) -> Result<()> {
    client
        .prepared_execute("update directory_sync set problem = $2 where kind = $1", &[&kind.to_string(), &problem])
        .await?;
    Ok(())
}

/// The records that have this number: kind and id.
pub async fn with_number(client: &Client, number: &E164) -> Result<Vec<(String, i64)>> {
    let rows = client
        .prepared_query("select kind, id from directory_numbers where number = $1 order by 1, 2", &[&number.as_str()])
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The other numbers of the people who have this number; a company's numbers do not belong to one person.
pub async fn other_numbers(client: &Client, number: &E164) -> Result<Vec<String>> {
    let sql = "select distinct other.number from directory_numbers of join directory_numbers other using (kind, id)
                where of.number = $1 and other.number <> $1 and kind <> 'company' order by 1";
    Ok(client.prepared_query(sql, &[&number.as_str()]).await?.iter().map(|row| row.get(0)).collect())
}

/// How many remembered misses there are for the number.
pub async fn misses(client: &Client, number: &E164) -> Result<i64> {
    let sql = "select count(*) from directory_misses where number = $1";
    Ok(client.prepared_query_one(sql, &[&number.as_str()]).await?.get(0))
}

/// Deletes everything that the directory knows of the records with this number, until Sellsy is read again.
pub async fn forget(transaction: &Transaction<'_>, number: &E164) -> Result<()> {
    let of_companies = "update directory_records contact set companies = null, companies_at = null
                          from directory_numbers n
                         where n.number = $1 and n.kind = 'company' and contact.kind = 'contact'
                           and contact.companies @> jsonb_build_array(jsonb_build_object('id', n.id))";
    let records = "delete from directory_records r using directory_numbers n
                    where n.number = $1 and (n.kind, n.id) = (r.kind, r.id)";
    let misses = "delete from directory_misses where number = $1";
    opportunities::forget(transaction, number).await?;
    for sql in [of_companies, records, misses] {
        transaction.execute(sql, &[&number.as_str()]).await?;
    }
    Ok(())
}

/// Records whose name contains the text, as `individual 2001` and so on. Searches the phone directory, which is far
/// smaller than the ledger.
pub async fn records_named(client: &Client, text: &str) -> Result<Vec<String>> {
    let pattern = |word: &str| {
        let escaped = word.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!"%_\\".contains(c))));
        format!("%{}%", escaped.collect::<String>())
    };
    // Accents that stand on their own are left out of what was typed; Sellsy's names have whole letters.
    let typed: String = text.chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).collect();
    let words: Vec<String> = typed.split_whitespace().map(pattern).collect();
    let sql = "select kind || ' ' || id from directory_records
                where translate(lower(record->>'name'), 'àâäáãåçéèêëíìîïñóòôöõœúùûüýÿæ', 'aaaaaaceeeeiiiinoooooouuuuyya')
                      like all (array(select translate(lower(word), 'àâäáãåçéèêëíìîïñóòôöõœúùûüýÿæ', 'aaaaaaceeeeiiiinoooooouuuuyya')
                                        from unnest($1::text[]) word))
                limit 500";
    Ok(client.prepared_query(sql, &[&words]).await?.iter().map(|row| row.get(0)).collect())
}

/// Deletes remembered misses that have run out and returns how many.
pub(crate) async fn forget_old_misses(client: &Client) -> Result<u64> {
    Ok(client.prepared_execute("delete from directory_misses where until < now()", &[]).await?)
}
