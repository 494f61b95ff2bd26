//! Searches and counts calls for the console.
//!
//! A search returns at most one page and continues after the last call that was shown, by its start and id. So its cost
//! depends neither on the number of calls nor on how far one has read. Each condition has an index that starts with its
//! column and continues with the order of the page (migration V30). It reads the view `console_calls`, because the
//! table belongs to the ledger.

use base::{
    db::{self, Client},
    error::Result,
    ids::CallId,
    phone::E164,
};
use jiff::Timestamp;
use ledger::resolution::{RecordRef, Resolution};
use tokio_postgres::{Row, types::ToSql};
use vendors::aircall::wire::Call;

pub(crate) const PAGE: usize = 50;

/// The state of a call, as the view `console_calls` derives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It has not ended, as far as we know.
    Ongoing,
    /// It has ended, and it is not decided where to log it.
    Undecided,
    /// A record was found; the log is not written yet.
    Unlogged,
    Logged,
    Unmatched,
    /// It has a dead letter.
    Parked,
    /// A person deleted its log.
    Deleted,
}

impl State {
    pub(crate) const ALL: [State; 7] = [
        State::Ongoing,
        State::Undecided,
        State::Unlogged,
        State::Logged,
        State::Unmatched,
        State::Parked,
        State::Deleted,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Ongoing => "ongoing",
            State::Undecided => "undecided",
            State::Unlogged => "unlogged",
            State::Logged => "logged",
            State::Unmatched => "unmatched",
            State::Parked => "parked",
            State::Deleted => "deleted",
        }
    }

    fn parse(text: &str) -> Self {
        State::ALL.into_iter().find(|state| state.as_str() == text).unwrap_or(State::Ongoing)
    }
}

/// One way to choose calls.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Criterion {
    Call(CallId),
    Caller(E164),
    /// The last digits of the number.
    CallerEndsWith(String),
    /// `individual 2001`
    Records(Vec<String>),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// Calls that meet any of these; empty means every call.
    pub(crate) criteria: Vec<Criterion>,
    /// Calls in any of these states; empty means all.
    pub(crate) states: Vec<State>,
    pub(crate) agent: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// Continue after this call, in the order of the page: see [`Found::place`].
    pub(crate) after: Option<(i64, CallId)>,
    pub(crate) order: Order,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Newest,
    Oldest,
    /// No index has the length, so all calls that are chosen are read: for [`SORTED`] of them at most.
    Longest,
}

/// So many calls are sorted by their length within 200 ms.
pub(crate) const SORTED: i64 = 10_000;

impl Order {
    pub(crate) const ALL: [Self; 3] = [Self::Newest, Self::Oldest, Self::Longest];

    /// In the address of a page.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "",
            Self::Oldest => "oldest",
            Self::Longest => "longest",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.as_str() == text)
    }

    /// What is sorted by, and how.
    fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Newest => ("started_at", "desc"),
            Self::Oldest => ("started_at", "asc"),
            Self::Longest => (LENGTH, "desc"),
        }
    }
}

/// As [`Found::length`] has it. Times in snapshots are whole seconds; what is no number is none.
const LENGTH: &str = "coalesce(
    nullif(greatest(case when jsonb_typeof(snapshot->'ended_at') = 'number' and jsonb_typeof(snapshot->'answered_at') = 'number'
                         then trunc((snapshot->>'ended_at')::float8 - (snapshot->>'answered_at')::float8)::bigint end, -1), -1),
    case when jsonb_typeof(snapshot->'duration') = 'number' then trunc((snapshot->>'duration')::float8)::bigint end, 0)";

/// What narrows a search further, for the command `callbridge calls`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Narrow {
    pub(crate) record: Option<RecordRef>,
    /// Only inbound calls that have ended and that nobody has answered.
    pub(crate) missed: bool,
    /// No call whose data were deleted: it has the state that its empty row gives it.
    pub(crate) without_erased: bool,
}

/// Groups of states by which calls are chosen.
pub(crate) const GROUPS: [(&str, &[State]); 6] = [
    ("logged", &[State::Logged]),
    ("unmatched", &[State::Unmatched]),
    ("waiting", &[State::Ongoing, State::Undecided, State::Unlogged]),
    ("parked", &[State::Parked]),
    ("deleted", &[State::Deleted]),
    ("ongoing", &[State::Ongoing]),
];

#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) call_id: CallId,
    pub(crate) started_at: Timestamp,
    pub(crate) state: State,
    pub(crate) call: Option<Call>,
    pub(crate) resolution: Option<Resolution>,
    pub(crate) sellsy_id: Option<i64>,
    /// Its data were deleted then.
    pub(crate) erased_at: Option<Timestamp>,
    /// How many dead letters it has.
    pub(crate) parked: i32,
}

impl Found {
    /// How long they spoke, or else how long the call lasted, in seconds.
    pub(crate) fn length(&self) -> u64 {
        self.call.as_ref().and_then(|call| call.talk_seconds().or(call.duration)).unwrap_or(0)
    }

    /// Where it stands in a list of this order: microseconds of its start, or seconds of its length; and its id.
    pub(crate) fn place(&self, order: Order) -> (i64, CallId) {
        let key = match order {
            Order::Newest | Order::Oldest => self.started_at.as_microsecond(),
            Order::Longest => i64::try_from(self.length()).unwrap_or(i64::MAX),
        };
        (key, self.call_id)
    }
}

type Parameter = Box<dyn ToSql + Sync + Send>;

/// The conditions of a statement, and the values of their parameters `$1`, `$2` …
#[derive(Default)]
struct Conditions {
    all: Vec<String>,
    parameters: Vec<Parameter>,
}

impl Conditions {
    fn parameter(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.parameters.push(Box::new(value));
        format!("${}", self.parameters.len())
    }

    fn from_search(search: &Search) -> Self {
        let mut conditions = Self::default();
        let criteria: Vec<_> = search.criteria.iter().map(|criterion| conditions.criterion(criterion)).collect();
        if !criteria.is_empty() {
            conditions.all.push(format!("({})", criteria.join(" or ")));
        }
        if !search.states.is_empty() {
            let states: Vec<&str> = search.states.iter().map(|state| state.as_str()).collect();
            let states = conditions.parameter(states);
            conditions.all.push(format!("state = any({states})"));
        }
        if let Some(agent) = &search.agent {
            let agent = conditions.parameter(agent.clone());
            conditions.all.push(format!("agent = {agent}"));
        }
        if let Some(from) = search.from {
            let from = conditions.parameter(from);
            conditions.all.push(format!("started_at >= {from}"));
        }
        if let Some(until) = search.until {
            let until = conditions.parameter(until);
            conditions.all.push(format!("started_at < {until}"));
        }
        if let Some((place, call_id)) = search.after {
            let at = match search.order {
                Order::Longest => conditions.parameter(place),
                Order::Newest | Order::Oldest => {
                    conditions.parameter(Timestamp::from_microsecond(place).unwrap_or_default())
                }
            };
            let id = conditions.parameter(call_id.0);
            let (key, direction) = search.order.key();
            let beyond = if direction == "asc" { ">" } else { "<" };
            conditions.all.push(format!("({key}, call_id) {beyond} ({at}, {id})"));
        }
        conditions
    }

    fn narrow(&mut self, narrow: &Narrow) {
        if let Some(record) = narrow.record {
            let record = self.parameter(String::from(record));
            self.all.push(format!("record = {record}"));
        }
        if narrow.missed {
            let missed = "snapshot->>'direction' = 'inbound' and snapshot->>'answered_at' is null
                          and (snapshot->>'ended_at' is not null or snapshot->>'status' = 'done')";
            self.all.push(missed.to_owned());
        }
        if narrow.without_erased {
            let kept =
                "not exists (select from calls c where c.call_id = console_calls.call_id and c.erased_at is not null)";
            self.all.push(kept.to_owned());
        }
    }

    fn criterion(&mut self, criterion: &Criterion) -> String {
        match criterion {
            Criterion::Call(id) => format!("call_id = {}", self.parameter(id.0)),
            Criterion::Caller(number) => format!("caller_backwards = any({})", self.parameter(notations(number))),
            Criterion::CallerEndsWith(digits) => {
                format!("caller_backwards like {}", self.parameter(format!("{}%", backwards(digits))))
            }
            Criterion::Records(records) => format!("record = any({})", self.parameter(records.clone())),
        }
    }
}

/// The notations in which Aircall may have sent a number, as digits backwards.
fn notations(number: &E164) -> Vec<String> {
    let (country, significant) = (number.country_code(), number.significant_digits());
    let ways = [format!("{country}{significant}"), format!("00{country}{significant}"), format!("0{significant}")];
    ways.iter().map(|digits| backwards(digits)).collect()
}

fn backwards(digits: &str) -> String {
    digits.chars().filter(char::is_ascii_digit).rev().collect()
}

const COLUMNS: &str = "call_id, started_at, state, snapshot, resolution, sellsy_id,
                       (select erased_at from calls c where c.call_id = console_calls.call_id),
                       (select parked from calls c where c.call_id = console_calls.call_id)";

/// A page of calls, and whether there are more.
pub(crate) async fn calls(client: &Client, search: &Search) -> Result<(Vec<Found>, bool)> {
    narrowed(client, search, &Narrow::default()).await
}

/// The same, of fewer calls.
pub(crate) async fn narrowed(client: &Client, search: &Search, narrow: &Narrow) -> Result<(Vec<Found>, bool)> {
    let mut conditions = Conditions::from_search(search);
    conditions.narrow(narrow);
    let Conditions { all, parameters } = conditions;
    let wanted = if all.is_empty() { "true".into() } else { all.join(" and ") };
    let limit = PAGE + 1;
    let (key, order) = search.order.key();
    let sql = format!(
        "select {COLUMNS} from console_calls where {wanted} order by {key} {order}, call_id {order} limit {limit}"
    );
    let rows = client.query(&sql, &values(&parameters)).await?;
    Ok((rows.iter().take(PAGE).map(from_row).collect(), rows.len() > PAGE))
}

fn values(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect()
}

/// How many calls there are on all pages; `None` if more than `most`.
pub(crate) async fn count_up_to(client: &Client, search: &Search, most: i64) -> Result<Option<i64>> {
    let search = Search { after: None, ..search.clone() };
    let Conditions { all, parameters } = Conditions::from_search(&search);
    let wanted = if all.is_empty() { "true".into() } else { all.join(" and ") };
    let sql = format!("select count(*) from (select from console_calls where {wanted} limit {}) counted", most + 1);
    let n: i64 = client.query_one(&sql, &values(&parameters)).await?.get(0);
    Ok(Some(n).filter(|n| *n <= most))
}

/// The call whose log has this id in Sellsy. Reads all calls.
pub(crate) async fn of_log(client: &Client, log: i64) -> Result<Option<CallId>> {
    let sql = "select call_id from calls where sellsy_id = $1 limit 1";
    Ok(client.query_opt(sql, &[&log]).await?.map(|row| CallId(row.get(0))))
}

/// These calls, in no order.
pub(crate) async fn these(client: &Client, ids: &[i64]) -> Result<Vec<Found>> {
    let sql = format!("select {COLUMNS} from console_calls where call_id = any($1)");
    Ok(client.query(&sql, &[&ids]).await?.iter().map(from_row).collect())
}

pub(crate) async fn call(client: &Client, call_id: CallId) -> Result<Option<Found>> {
    let sql = format!("select {COLUMNS} from console_calls where call_id = $1");
    Ok(client.query_opt(&sql, &[&call_id.0]).await?.map(|row| from_row(&row)))
}

fn from_row(row: &Row) -> Found {
    Found {
        call_id: CallId(row.get(0)),
        started_at: row.get(1),
        state: State::parse(row.get(2)),
        call: db::readable(row, 3),
        resolution: db::readable(row, 4),
        sellsy_id: row.get(5),
        erased_at: row.get(6),
        parked: row.get::<_, Option<i32>>(7).unwrap_or(0),
    }
}

/// Every agent who has a call, read by jumping from one to the next in the index; open calls are few. After an upgrade also by the column from
/// before, until all calls are entered.
pub(crate) async fn agents(client: &Client) -> Result<Vec<String>> {
    let sql = "with recursive next (agent) as (
                   (select agent from calls_searched where agent is not null order by agent limit 1)
                   union all
                   select (select agent from calls_searched where agent > next.agent order by agent limit 1)
                     from next where next.agent is not null),
                   before (agent) as (
                   (select agent from calls where agent is not null and exists (select from calls_to_enter) order by agent limit 1)
                   union all
                   select (select agent from calls where agent > before.agent order by agent limit 1)
                     from before where before.agent is not null)
               select agent from next where agent is not null
                union
               select agent from before where agent is not null
                union
               select s.agent from calls_open join calls c using (call_id), lateral calls_searched_of(c) s where s.agent is not null
                order by agent limit 500";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// Counts calls by the part of a period in which they started, and by state. `bounds` are where each part begins, and where the last one ends.
pub(crate) async fn counts(client: &Client, bounds: &[Timestamp]) -> Result<Vec<(usize, State, i64)>> {
    let sql = "select width_bucket(started_at, $1::timestamptz[]) - 1, state, count(*) from console_calls
                where started_at >= ($1::timestamptz[])[1] and started_at < ($1::timestamptz[])[array_length($1, 1)] group by 1, 2 order by 1, 2";
    let rows = client.query(sql, &[&bounds]).await?;
    Ok(rows
        .iter()
        .map(|r| (usize::try_from(r.get::<_, i32>(0)).unwrap_or(0), State::parse(r.get(1)), r.get(2)))
        .collect())
}

/// How many calls started in this time.
pub(crate) async fn count(client: &Client, since: Timestamp, until: Timestamp) -> Result<i64> {
    let sql = "select count(*) from console_calls where started_at >= $1 and started_at < $2";
    Ok(client.query_one(sql, &[&since, &until]).await?.get(0))
}

/// How long the last calls took to be logged, from their end.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Delays {
    /// Half of them took no longer.
    pub(crate) half_s: f64,
    /// Of a hundred, 95 took no longer.
    pub(crate) most_s: f64,
    pub(crate) calls: i64,
}

/// Of the last 200 that are logged.
pub(crate) async fn delays(client: &Client) -> Result<Option<Delays>> {
    let sql = "with last as (select call_id from calls_searched where state = 'logged' order by started_at desc, call_id desc limit 200),
                    took as (select extract(epoch from (select min(at) from timeline t where t.call_id = l.call_id and t.what = 'logged')
                                                       - to_timestamp((c.snapshot->>'ended_at')::float8))::float8 as s
                               from last l join calls c using (call_id) where jsonb_typeof(c.snapshot->'ended_at') = 'number')
               select percentile_cont(0.5) within group (order by greatest(s, 0)), percentile_cont(0.95) within group (order by greatest(s, 0)),
                      count(*) from took where s is not null";
    let row = client.query_one(sql, &[]).await?;
    let (half, most): (Option<f64>, Option<f64>) = (row.get(0), row.get(1));
    Ok(half.zip(most).map(|(half_s, most_s)| Delays { half_s, most_s, calls: row.get(2) }))
}

/// Calls that are not finished: since when the oldest in this state has been in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backlog {
    pub(crate) state: State,
    pub(crate) since: Option<Timestamp>,
}

pub(crate) async fn backlog(client: &Client) -> Result<Vec<Backlog>> {
    let sql = "select state,
                      min(case when state = 'unlogged' then resolved_at
                               when jsonb_typeof(snapshot->'ended_at') = 'number' then to_timestamp((snapshot->>'ended_at')::float8)
                               else started_at end)
                 from console_calls where state in ('undecided', 'unlogged') group by state";
    let rows = client.query(sql, &[]).await?;
    Ok(rows.iter().map(|r| Backlog { state: State::parse(r.get(0)), since: r.get(1) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_given_filters_become_conditions() {
        assert!(Conditions::from_search(&Search::default()).all.is_empty());
        let search = Search {
            criteria: vec![Criterion::Call(CallId(7)), Criterion::CallerEndsWith("4107".into())],
            states: vec![State::Parked],
            agent: Some("Léa".into()),
            after: Some((0, CallId(9))),
            ..Search::default()
        };
        let conditions = Conditions::from_search(&search);
        assert_eq!(
            conditions.all.join(" and "),
            "(call_id = $1 or caller_backwards like $2) and state = any($3) and agent = $4 and (started_at, call_id) < ($5, $6)"
        );
        assert_eq!(conditions.parameters.len(), 6);
    }

    #[test]
    fn a_search_is_narrowed_by_what_has_to_hold_as_well() {
        let search = Search { criteria: vec![Criterion::CallerEndsWith("4107".into())], ..Search::default() };
        let mut conditions = Conditions::from_search(&search);
        conditions.narrow(&Narrow::default());
        assert_eq!(conditions.all.len(), 1);
        let record = Some(RecordRef { kind: base::ids::Kind::Individual, id: 2005 });
        conditions.narrow(&Narrow { record, missed: true, without_erased: true });
        assert_eq!(conditions.all[..2], ["(caller_backwards like $1)", "record = $2"]);
        assert_eq!((conditions.all.len(), conditions.parameters.len()), (4, 2));
    }

    #[test]
    fn a_number_is_found_in_every_notation() {
        let number = base::phone::parse("06 39 98 41 07", "FR".parse().unwrap()).unwrap();
        let forwards: Vec<String> = notations(&number).iter().map(|digits| digits.chars().rev().collect()).collect();
        assert_eq!(forwards, ["33639984107", "0033639984107", "0639984107"]);
    }
}
