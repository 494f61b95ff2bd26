//! From a call's number to a decision: candidates from the directory or from Sellsy, rules, opportunity.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base::{
    db::{self, Database},
    error::{Code, Error, Result},
    ids::Kind,
    phone::{Caller, E164, Region, Regions, classify},
    rules::{LineOf, Rules},
    settings::{Language, Matching, Settings},
};
use broker::event::RecordHint;
use jiff::{Timestamp, tz::TimeZone};
use ledger::{
    calls::PastCall,
    resolution::{Opportunity, Record, RecordRef, Resolution, Source},
    timeline::Reason,
};
use tokio::time;
use vendors::{
    aircall::wire::Call,
    budget::Lane,
    proven::Answers,
    sellsy::{Sellsy, wire::Related},
};

use crate::{
    directory::{
        known::{Known, Numbers},
        one,
        opportunities::Stored,
        store::{self, Companies, Entry},
    },
    left_out, live,
    opportunities::{CARD_WAITS, Need, Opportunities, not_at_hand},
    own_lines::OwnLines,
    pins::Pinned,
    record::{self, Listed},
    rules,
};

/// How long a missing right is assumed to be missing.
const REMEMBER_REFUSAL: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub struct LookUp {
    sellsy: Sellsy,
    regions: Regions,
    matching: Matching,
    database: Database,
    numbers: Numbers,
    /// Once the directory has been loaded it stays loaded.
    directory_loaded: Arc<AtomicBool>,
    opportunities: Opportunities,
    need: Need,
    opportunities_allowed: Arc<Right>,
    companies_allowed: Arc<Right>,
    rules: Arc<Rules>,
    own_lines: Option<OwnLines>,
}

/// The country in which the callers of the call's line dial: that of the rules, or else that of the line.
pub fn region_of(rules: &Rules, regions: &Regions, call: &Call) -> Region {
    region_on(rules, regions, || call.line(), call.line_country())
}

/// The same for a line, in the country that Aircall gives it.
pub fn region_on<'a>(
    rules: &Rules,
    regions: &Regions,
    line: impl FnOnce() -> LineOf<'a>,
    country: Option<&str>,
) -> Region {
    rules.lines.of(line).region.unwrap_or_else(|| regions.of_line(country))
}

/// A record, and where it was found.
struct One {
    record: Record,
    companies: Companies,
    source: Source,
    as_of: Option<Timestamp>,
}

/// The records with a number, and where they were found.
struct Found {
    candidates: Vec<Record>,
    /// What is known of the companies of contacts among them.
    companies: Vec<(i64, Companies)>,
    source: Source,
    as_of: Option<Timestamp>,
}

impl LookUp {
    /// What was found out about the Sellsy account.
    pub(crate) async fn proven(&self) -> Arc<Answers> {
        self.sellsy.proven().await
    }

    pub fn new(sellsy: Sellsy, settings: &Settings, database: Database) -> Self {
        let (regions, matching) = (settings.regions.clone(), settings.matching);
        let opportunities = Opportunities::new(sellsy.clone(), database.clone(), settings.opportunities_fresh);
        Self {
            sellsy,
            regions,
            matching,
            numbers: Numbers::of(database.clone()),
            database,
            directory_loaded: Arc::default(),
            opportunities,
            need: Need::Decision,
            opportunities_allowed: Arc::default(),
            companies_allowed: Arc::default(),
            rules: Arc::default(),
            own_lines: None,
        }
    }

    /// By these rules. Without `own_lines`, the one about calls between two of them is passed over.
    #[must_use]
    pub fn with_rules(self, rules: Arc<Rules>, own_lines: Option<OwnLines>) -> Self {
        Self { rules, own_lines, ..self }
    }

    /// The same for requests of another lane: what one has learnt of missing rights, the other knows.
    pub(crate) fn on(&self, lane: Lane) -> Self {
        Self { sellsy: self.sellsy.on(lane), opportunities: self.opportunities.on(lane), ..self.clone() }
    }

    /// For something else than a decision.
    pub(crate) fn with_need(self, need: Need) -> Self {
        Self { need, ..self }
    }

    /// The decision by what is known, if no request to Sellsy is needed and somebody is found. Anything else, the resolver decides.
    pub async fn at_hand(&self, call: &Call) -> Result<Option<Resolution>> {
        let look_up = Self { need: Need::AtHand, ..self.clone() };
        match Box::pin(look_up.resolve(call)).await {
            Ok(resolution) => Ok(Some(resolution).filter(|resolution| resolution.record.is_some())),
            Err(e) if e.is_of_database() => Err(e),
            Err(_) => Ok(None),
        }
    }

    /// Whether the directory has a record that can match.
    pub(crate) async fn directory_knows(&self, number: &E164, line: Region) -> Result<bool> {
        store::knows(&self.database.client().await?, number, line, self.matching).await
    }

    /// Whether a record can match.
    pub(crate) fn counts(&self, record: &Record) -> bool {
        self.matching.counts(record.archived)
    }

    /// The number to look up, if the call has one.
    pub(crate) fn number_of(&self, call: &Call) -> Caller {
        classify(call.raw_digits.as_deref(), self.line_of(call))
    }

    /// Whether an earlier call was with this number, and not with another that has the same last digits.
    pub(crate) fn is_with(&self, past: &PastCall, number: &E164) -> bool {
        let line = self.regions.of_line(past.line_country.as_deref());
        classify(past.raw_digits.as_deref(), line) == Caller::Number(number.clone())
    }

    /// The country of the line, in which its callers' numbers are dialled.
    pub(crate) fn line_of(&self, call: &Call) -> Region {
        region_of(&self.rules, &self.regions, call)
    }

    /// Of the agents of the call's line, if the rules say so.
    pub(crate) fn language_of(&self, call: &Call) -> Option<Language> {
        self.rules.lines.of(|| call.line()).language
    }

    /// Why calls with this number are left out, whatever their end. Nothing is looked up for them.
    pub(crate) async fn left_out(&self, number: &E164) -> Result<Option<Reason>> {
        if self.rules.calls.ignore(number) {
            return Ok(Some(Reason::Ignored));
        }
        match &self.own_lines {
            Some(own_lines) if self.rules.calls.without_own_lines => {
                Ok(own_lines.have(number).await?.then_some(Reason::OwnLine))
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn resolve(&self, call: &Call) -> Result<Resolution> {
        match self.number_of(call) {
            Caller::Number(number) => self.number_on(&number, self.line_of(call)).await,
            Caller::Withheld => Ok(nobody(Reason::Withheld)),
            Caller::Internal => Ok(nobody(Reason::Internal)),
            Caller::Unusable => Ok(nobody(Reason::Unusable)),
        }
    }

    /// The decision for a call that has ended, with the rules that look at its end and at who it was.
    pub async fn whole(&self, call: &Call, zone: &TimeZone) -> Result<Resolution> {
        match left_out::by_end(&self.rules, zone, call) {
            Some(why) => Ok(nobody(why)),
            None => Ok(left_out::by_record(&self.rules, self.resolve(call).await?)),
        }
    }

    /// The decision for a number that calls a line in its own country, if there is one.
    pub async fn number(&self, number: &E164) -> Result<Resolution> {
        self.number_on(number, self.regions.of_number(number)).await
    }

    /// Whose record a number means on a line in this country. What else a log would be on is not looked for.
    pub async fn person(&self, number: &E164, line: Region) -> Result<Resolution> {
        Self { need: Need::Person, ..self.clone() }.number_on(number, line).await
    }

    /// Sellsy has refused to write something on this record: the directory has it as it is now. False if it does not exist.
    pub async fn read_again(&self, record: RecordRef) -> Result<bool> {
        Ok(self.read(record).await?.is_some())
    }

    /// The decision for a number that calls a line in a country.
    async fn number_on(&self, number: &E164, line: Region) -> Result<Resolution> {
        if let Some(why) = self.left_out(number).await? {
            return Ok(nobody(why));
        }
        let known = self.numbers.known(number, line, self.matching).await?;
        let Some(Pinned { record, by, at }) = known.pin.clone() else {
            return self.by_rules(number, line, known).await;
        };
        match self.known_or_read(record).await? {
            Some(found) if self.counts(&found.record) => self.decided(found, Reason::Pinned { by, at }, None).await,
            _ => {
                let mut resolution = self.by_rules(number, line, known).await?;
                resolution.rule = Reason::PinGone { kind: record.kind, id: record.id, then: resolution.rule.into() };
                Ok(resolution)
            }
        }
    }

    async fn by_rules(&self, number: &E164, line: Region, known: Known) -> Result<Resolution> {
        let Known { records, opportunities, .. } = known;
        let mut found = self.find(number, line, records).await?;
        rules::sort(&mut found.candidates, self.matching);
        let (chosen, rule) = rules::choose(&found.candidates, self.matching);
        let Some(record) = chosen.cloned() else {
            return Ok(Resolution { source: found.source, candidates: found.candidates, ..nobody(rule) });
        };
        let known = found.companies.iter().find(|(id, _)| *id == record.id && record.kind == Kind::Contact);
        let companies = known.map_or(Companies::unless_contact(record.kind), |(_, companies)| *companies);
        let one = One { record, companies, source: found.source, as_of: found.as_of };
        Ok(Resolution { candidates: found.candidates, ..self.decided(one, rule, opportunities).await? })
    }

    /// The decision for a record that a person has named, as it is in Sellsy now; `None` if it does not exist.
    pub async fn record(&self, record: RecordRef, rule: Reason, with_opportunity: bool) -> Result<Option<Resolution>> {
        let Some(one) = self.read(record).await? else { return Ok(None) };
        let mut resolution = self.decided(one, rule, None).await?;
        if !with_opportunity {
            (resolution.opportunity, resolution.opportunity_rule) = (None, Reason::OpportunityNotWanted);
        }
        Ok(Some(resolution))
    }

    async fn known_or_read(&self, record: RecordRef) -> Result<Option<One>> {
        let known = store::one(&self.database.client().await?, record).await?;
        match known {
            Some(Entry { record, companies, seen_at }) => {
                Ok(Some(One { record, companies, source: Source::Directory, as_of: Some(seen_at) }))
            }
            None if self.need == Need::AtHand => Err(not_at_hand()),
            None => self.read(record).await,
        }
    }

    /// Reads a record from Sellsy. If it does not exist, the directory forgets it.
    async fn read(&self, RecordRef { kind, id }: RecordRef) -> Result<Option<One>> {
        let read = one::refresh(&self.sellsy, &self.regions, &self.database, &RecordHint { kind, id }).await?;
        let listed = read.into_iter().next();
        let companies = Companies::unless_contact(kind);
        Ok(listed.map(|listed| One { record: listed.record, companies, source: Source::Live, as_of: None }))
    }

    /// The decision for this record, with its opportunity. `stored`: opportunities of a customer that were read with the record.
    async fn decided(&self, one: One, rule: Reason, stored: Option<(Related, Stored)>) -> Result<Resolution> {
        let One { mut record, companies, source, as_of } = one;
        if self.need == Need::Person {
            let (record, opportunity_rule) = (Some(record), Reason::OpportunityNotWanted);
            return Ok(Resolution { source, as_of, record, opportunity_rule, ..nobody(rule) });
        }
        let companies = if self.are_enough(companies) { Ok(companies) } else { self.companies(&mut record).await? };
        let (opportunity, opportunity_rule, holds_until) = match companies {
            Ok(companies) => self.opportunity(&record, companies, stored).await?,
            Err((why, holds_until)) => (None, why, holds_until),
        };
        let candidates = vec![record.clone()];
        Ok(Resolution {
            source,
            as_of,
            record: Some(record),
            rule,
            opportunity,
            opportunity_rule,
            holds_until,
            candidates,
        })
    }

    /// Whether what is known of a contact's companies need not be read again.
    fn are_enough(&self, companies: Companies) -> bool {
        match (companies, self.need) {
            (Companies::None, _) | (Companies::Known { .. }, Need::Card) => true,
            (Companies::Known { fresh, .. }, Need::Decision | Need::AtHand | Need::Doubt | Need::Person) => fresh,
            (Companies::Unknown, _) => false,
        }
    }

    /// Reads a contact's companies; or why they cannot be read, and until when that can be believed.
    async fn companies(&self, contact: &mut Record) -> Result<Result<Companies, (Reason, Option<Timestamp>)>> {
        let read = self.companies_allowed.allows(self.read_companies(contact));
        let read = match self.need {
            Need::AtHand => return Err(not_at_hand()),
            Need::Card => time::timeout(CARD_WAITS, read).await.unwrap_or_else(|_| {
                Err(Error::retry(Code::SellsyUnavailable, "the companies did not come in time for the card"))
            }),
            Need::Decision | Need::Doubt | Need::Person => read.await,
        };
        match read {
            Ok(Ok(companies)) => Ok(Ok(companies)),
            Ok(Err(code)) => Ok(Err((Reason::CompaniesRefused { code: code.to_string() }, None))),
            Err(e) if self.can_do_without(&e) => {
                Ok(Err((Reason::CompaniesUnread { code: e.code.to_string() }, Some(Timestamp::UNIX_EPOCH))))
            }
            Err(e) => Err(e),
        }
    }

    /// A card without its last line is better than none, if Sellsy does not answer. The decision asks again.
    fn can_do_without(&self, e: &Error) -> bool {
        self.need == Need::Card && !e.is_of_database()
    }

    /// The opportunity, why, and until when that can be believed.
    async fn opportunity(
        &self,
        record: &Record,
        companies: Companies,
        stored: Option<(Related, Stored)>,
    ) -> Result<(Option<Opportunity>, Reason, Option<Timestamp>)> {
        let owner = match rules::opportunity_owner(record) {
            Err(why) => return Ok((None, why, companies.until())),
            Ok(owner) => owner,
        };
        let stored = stored.filter(|(customer, _)| *customer == owner).map(|(_, stored)| stored);
        let known = Box::pin(self.opportunities.of(&owner, self.need, stored));
        let known = match self.opportunities_allowed.allows(known).await {
            Ok(Ok(known)) => known,
            Ok(Err(code)) => return Ok((None, Reason::OpportunitiesRefused { code: code.to_string() }, None)),
            Err(e) if self.can_do_without(&e) => {
                let why = Reason::OpportunitiesUnread { code: e.code.to_string() };
                return Ok((None, why, Some(Timestamp::UNIX_EPOCH)));
            }
            Err(e) => return Err(e),
        };
        let until = companies.until().map_or(known.until, |until| until.min(known.until));
        let (opportunity, why) = rules::choose_opportunity(&owner, &known.opportunities);
        let opportunity = opportunity.map(|o| Opportunity {
            id: o.id,
            name: o.name.clone().unwrap_or_default(),
            status: o.status.as_ref().map(ToString::to_string).unwrap_or_default(),
        });
        Ok((opportunity, why, Some(until)))
    }

    /// The directory's records if one of them is usable; else nobody, if a miss is remembered; else Sellsy's answer. Its search leaves archived
    /// records out: those that the directory knows are candidates all the same, so that they are named.
    async fn find(&self, number: &E164, line: Region, entries: Vec<Entry>) -> Result<Found> {
        let client = self.database.client().await?;
        let mut archived = Vec::new();
        if self.is_loaded(&client).await? {
            let known = Found {
                companies: entries.iter().map(|entry| (entry.record.id, entry.companies)).collect(),
                as_of: entries.first().map(|entry| entry.seen_at),
                candidates: entries.into_iter().map(|entry| entry.record).collect(),
                source: Source::Directory,
            };
            if known.candidates.iter().any(|record| self.counts(record)) {
                return Ok(known);
            }
            if store::is_missing(&client, number).await? {
                return Ok(Found { source: Source::Remembered, ..known });
            }
            archived = known.candidates;
        }
        // No database connection is held while an API is being called.
        drop(client);
        if self.need == Need::AtHand {
            return Err(not_at_hand());
        }
        let listed = live::candidates(&self.sellsy, number, &self.regions, self.matching).await?;
        self.remember(number, &listed).await?;
        let of_line = listed.into_iter().filter(|listed| listed.numbers.has(number, line));
        let mut candidates: Vec<Record> = of_line.map(|listed| listed.record).collect();
        let listed: Vec<RecordRef> = candidates.iter().map(RecordRef::from).collect();
        candidates.extend(archived.into_iter().filter(|record| !listed.contains(&RecordRef::from(record))));
        Ok(Found { candidates, companies: Vec::new(), source: Source::Live, as_of: None })
    }

    async fn is_loaded(&self, client: &db::Client) -> Result<bool> {
        if !self.directory_loaded.load(Ordering::Relaxed) && store::is_loaded(client).await? {
            self.directory_loaded.store(true, Ordering::Relaxed);
        }
        Ok(self.directory_loaded.load(Ordering::Relaxed))
    }

    /// Remembers Sellsy's answer so it need not be asked again: found records are added to the directory, a number
    /// without any is remembered as a miss for some minutes.
    async fn remember(&self, number: &E164, listed: &[Listed]) -> Result<()> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        store::put(&transaction, listed).await?;
        transaction.commit().await?;
        if !listed.iter().any(|listed| self.counts(&listed.record)) {
            store::remember_missing(&client, number).await?;
        }
        Ok(())
    }

    async fn read_companies(&self, contact: &mut Record) -> Result<Companies> {
        contact.companies = record::companies(&self.sellsy.companies_of_contact(contact.id).await?, self.matching);
        store::put_companies(&self.database.client().await?, contact.id, &contact.companies).await
    }
}

/// Whether the API client may read something. That it may not holds until a person changes it, and is no reason to leave
/// a call without its log; so it is remembered for some minutes, in which no request is spent on asking again.
#[derive(Default)]
struct Right(Mutex<Option<(Instant, Code)>>);

impl Right {
    async fn allows<T>(&self, request: impl Future<Output = Result<T>>) -> Result<Result<T, Code>> {
        let refused = self.known().filter(|(at, _)| at.elapsed() < REMEMBER_REFUSAL);
        if let Some((_, code)) = refused {
            return Ok(Err(code));
        }
        match request.await {
            Err(Error { code: code @ (Code::SellsyPlan | Code::SellsyForbidden), .. }) => {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), code));
                Ok(Err(code))
            }
            answer => answer.map(Ok),
        }
    }

    fn known(&self) -> Option<(Instant, Code)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn nobody(why: Reason) -> Resolution {
    Resolution {
        source: Source::None,
        as_of: None,
        record: None,
        rule: why,
        opportunity: None,
        opportunity_rule: Reason::NobodyFound,
        holds_until: None,
        candidates: Vec::new(),
    }
}
