//! A ledger and a Sellsy in memory, with a clock, and a writer that carries out plans as `writer.rs` does.
//!
//! Messages are handled one after the other: in production the lease ensures that. A writer may die at any request; its
//! lease then runs out, and its message comes again.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::*;

mod sellsy;

use sellsy::Died;
pub(super) use sellsy::{Fate, Kept, Sellsy};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A view with this many tags.
    View(u8),
    Insight(u8),
    /// The caller is this record.
    Resolved(i64),
    /// A person deletes the log, if the ledger knows it.
    Deletion,
    /// The ledger hands the call on: a log is still missing, and no message may say so any more.
    HandedOn,
}

/// In the order in which they are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Message {
    at: Duration,
    number: usize,
    event: Event,
    seen_before: bool,
    put_off: bool,
    /// See [`News::FirstDecision`].
    first: bool,
}

/// Why the work on a row was interrupted.
enum Broken {
    Failed(Error),
    Died,
}

impl From<Died> for Broken {
    fn from(_: Died) -> Self {
        Broken::Died
    }
}

pub(super) struct World {
    messages: BinaryHeap<Reverse<Message>>,
    numbers: usize,
    /// The ledger's row, except for its ages: see [`World::read`].
    row: CallRow,
    views: u8,
    insights: u8,
    intent_at: Duration,
    written_at: Duration,
    due_at: Option<Duration>,
    decided_at: Option<Duration>,
    is_handed_on: bool,
    lease_until: Duration,
    /// The next decision is the first one.
    pub(super) first: bool,
    pub(super) sellsy: Sellsy,
    pub(super) deleted_by_person: bool,
    pub(super) parked: usize,
}

impl World {
    pub(super) fn of(row: CallRow) -> Self {
        let now = Duration::from_secs(100_000);
        let (age, due_in) = match &row.log {
            Log::Unclear { age, .. } => (*age, None),
            Log::Stored(stored) => match stored.change {
                Change::Unclear { age } => (age, stored.due_in),
                _ => (stored.written_age, stored.due_in),
            },
            _ => (Duration::ZERO, None),
        };
        let mut world = Self {
            messages: BinaryHeap::new(),
            numbers: 0,
            views: row.snapshot.as_ref().map_or(0, |call| u8::try_from(call.tags.len()).unwrap()),
            row,
            insights: 0,
            intent_at: now - age,
            written_at: now - age,
            due_at: due_in.map(|due| now + due),
            decided_at: None,
            is_handed_on: false,
            lease_until: Duration::ZERO,
            first: false,
            sellsy: Sellsy { now, ..Sellsy::default() },
            deleted_by_person: false,
            parked: 0,
        };
        if let Some(due) = due_in {
            // The message that carries the change.
            world.send(due, Event::View(0), true, true);
        }
        world
    }

    fn now(&self) -> Duration {
        self.sellsy.now
    }

    /// Sends a message that arrives after this time.
    pub(super) fn send(&mut self, after: Duration, event: Event, seen_before: bool, put_off: bool) {
        self.numbers += 1;
        let first = matches!(event, Event::Resolved(_)) && std::mem::take(&mut self.first);
        let message = Message { at: self.now() + after, number: self.numbers, event, seen_before, put_off, first };
        self.messages.push(Reverse(message));
    }

    /// Runs until nothing is in flight any more.
    pub(super) fn run(&mut self) {
        for _ in 0..2000 {
            let Some(Reverse(message)) = self.messages.pop() else { return self.sellsy.pass(SETTLED) };
            self.sellsy.pass(message.at.saturating_sub(self.now()));
            self.handle(message);
        }
        panic!("it never ends: {:?}", self.row.log);
    }

    fn handle(&mut self, message: Message) {
        if !message.put_off {
            self.take_in(message.event);
        }
        if self.lease_until > self.now() {
            let held_for = Duration::from_secs(120) - (self.lease_until - self.now());
            if let Err(busy) = not_claimed(message.seen_before, Duration::ZERO, held_for) {
                self.failed(message, &busy);
            }
            return;
        }
        if message.event == Event::HandedOn {
            self.is_handed_on = false;
        }
        let row = self.claim(message.first);
        match self.work(&row, message) {
            Ok(None) => {}
            Ok(Some(later)) => self.send(hop(later), message.event, true, true),
            Err(Broken::Failed(e)) => self.failed(message, &e),
            Err(Broken::Died) => {
                self.lease_until = self.now() + Duration::from_secs(120);
                return self.send(Duration::ZERO, message.event, true, message.put_off);
            }
        }
        let lacks_a_log = matches!(self.row.log, Log::None | Log::Intended(_) | Log::Unknown);
        if lacks_a_log && matches!(self.row.decision, Decision::Final { .. }) && !self.is_handed_on {
            self.is_handed_on = true;
            self.send(Duration::from_secs(75 * 60), Event::HandedOn, false, false);
        }
        match &mut self.row.log {
            Log::Intended(_) => self.row.log = Log::None,
            Log::Stored(stored) if stored.change == Change::Intended => stored.change = Change::Settled,
            _ => {}
        }
    }

    fn failed(&mut self, message: Message, e: &Error) {
        match e.remedy {
            Remedy::Retry { after } => {
                self.send(after.unwrap_or(Duration::from_secs(5)), message.event, true, message.put_off);
            }
            _ => self.parked += 1,
        }
    }

    /// The newest view and the newest insight count. Only a reopened call is decided a second time.
    fn take_in(&mut self, event: Event) {
        match (event, &self.row.decision) {
            (Event::View(version), _) if version > self.views => {
                self.views = version;
                self.row.snapshot = Some(view(version));
            }
            (Event::Insight(version), _) if version > self.insights => {
                self.insights = version;
                self.row.insights.insert("summary".into(), insight(version));
            }
            (Event::Resolved(record), Decision::Undecided) => self.decide(record, false),
            (Event::Resolved(record), Decision::Reopened(first)) if *first != resolution(Some(record)) => {
                self.decide(record, true);
            }
            (Event::Deletion, _) if self.row.stored().is_some() && !self.sellsy.logs.is_empty() => {
                self.sellsy.logs.clear();
                self.deleted_by_person = true;
            }
            _ => {}
        }
    }

    fn decide(&mut self, record: i64, again: bool) {
        self.row.decision = Decision::Final { resolution: resolution(Some(record)), again };
        self.decided_at = Some(self.now());
    }

    /// Records the intent if nothing prevents a first POST, or if it is time for a PUT.
    fn claim(&mut self, first: bool) -> CallRow {
        let (now, is_due) = (self.now(), self.due_at.is_some_and(|due| due <= self.now()));
        let is_young = self.decided_at.is_none_or(|at| now - at < FIRST_WITHIN);
        if self.row.log == Log::None && first && is_young && ready(&self.row).is_ok() {
            self.row.log = Log::Intended(LogForm::PhoneCall);
            self.intent_at = now;
        }
        if let Log::Stored(stored) = &mut self.row.log
            && stored.change == Change::Settled
            && is_due
        {
            stored.change = Change::Intended;
            self.intent_at = now;
        }
        self.read()
    }

    pub(super) fn read(&self) -> CallRow {
        let mut row = self.row.clone();
        row.decided_age = self.decided_at.map(|at| self.now() - at);
        match &mut row.log {
            Log::Unclear { age, .. } => *age = self.now() - self.intent_at,
            Log::Stored(stored) => {
                stored.written_age = self.now() - self.written_at;
                stored.due_in = self.due_at.map(|due| due.saturating_sub(self.now()));
                if let Change::Unclear { age } = &mut stored.change {
                    *age = self.now() - self.intent_at;
                }
            }
            _ => {}
        }
        row
    }

    fn work(&mut self, row: &CallRow, message: Message) -> Result<Option<Duration>, Broken> {
        let carries = message.seen_before;
        let news = match message.event {
            Event::Resolved(_) if message.first => News::FirstDecision,
            Event::Resolved(_) | Event::HandedOn => News::Decision,
            _ => News::Other,
        };
        let Some(log) = log(row) else { return Ok(None) };
        let mut progress = Progress::Rendered(&log);
        loop {
            let context = Context {
                carries,
                news,
                allowed: Allowed { fallback: LogFallback::Comment, refusal: None },
                contested: false,
            };
            match plan(row, &context, progress) {
                Action::Step(step) => progress = Progress::Answered(self.step(row, &log, step)?),
                Action::End(end) => return self.end(&log, end),
            }
        }
    }

    fn step(&mut self, row: &CallRow, log: &PhoneCallCreate, step: Step) -> Result<Answer, Died> {
        Ok(match step {
            Step::Find(forms) => Answer::Found(self.sellsy.find(&forms)?),
            Step::Adopt { form, id } => {
                self.written(form, id, None);
                Answer::Adopted { form, id }
            }
            Step::Read { form, id } => Answer::Read { form, id, exists: self.sellsy.read(id)? },
            Step::Create(creation) => {
                let answer = self.create(row, log, creation.form)?;
                Answer::Created { creation, answer }
            }
            Step::Update(update) => {
                self.set_change(Change::Unclear { age: Duration::ZERO });
                let answer = self.sellsy.put(log, &update)?;
                match intent_after(row, &answer) {
                    Intent::Keep => {}
                    Intent::Renew => self.intent_at = self.now(),
                    Intent::Withdraw => self.set_change(Change::Settled),
                }
                Answer::Updated { update, answer }
            }
        })
    }

    fn set_change(&mut self, change: Change) {
        self.intent_at = self.now();
        if let Log::Stored(stored) = &mut self.row.log {
            stored.change = change;
        }
    }

    fn create(&mut self, row: &CallRow, log: &PhoneCallCreate, form: LogForm) -> Result<Result<i64, WriteError>, Died> {
        if row.log != Log::Intended(form) {
            self.intent_at = self.now();
        }
        // This is what the next attempt reads if this writer dies.
        self.row.log = Log::Unclear { form: Some(form), age: Duration::ZERO };
        let answer = self.sellsy.post(log, form)?;
        match intent_after(row, &answer) {
            Intent::Keep => {}
            Intent::Renew => self.intent_at = self.now(),
            Intent::Withdraw => self.row.log = if row.log == Log::Unknown { Log::Unknown } else { Log::None },
        }
        Ok(answer)
    }

    fn end(&mut self, log: &PhoneCallCreate, end: End) -> Result<Option<Duration>, Broken> {
        match end {
            End::Nothing { was_due: false } | End::Leave => {}
            End::Nothing { was_due: true } => self.due_at = None,
            End::PutOff(wait) => {
                self.due_at = Some(self.now() + wait);
                return Ok(Some(wait));
            }
            End::Carry(left) | End::Wait(left) => return Ok(Some(left)),
            End::Created { form, id, .. } => self.written(form, id, Some(forms::digest(form, log))),
            End::Updated { form, id, links } => {
                match (links, &mut self.row.log) {
                    (LinksEnd::LookUpAgain(_), _) => self.reopen(),
                    (LinksEnd::LeaveAlone(_), Log::Stored(stored)) => stored.links = Links::Leave,
                    _ => {}
                }
                self.written(form, id, Some(forms::digest(form, log)));
            }
            End::Deleted { .. } => self.row.log = Log::Deleted,
            End::LookUpAgain(_) => self.reopen(),
            End::Fail(e) => return Err(Broken::Failed(e)),
        }
        Ok(None)
    }

    fn written(&mut self, form: LogForm, id: i64, digest: Option<String>) {
        let (writes, links) = self.row.stored().map_or((0, Links::Set), |stored| (stored.writes, stored.links));
        let written_age = Duration::ZERO;
        let change = Change::Settled;
        self.row.log =
            Log::Stored(Stored { form, id, digest, writes: writes + 1, written_age, due_in: None, links, change });
        (self.written_at, self.due_at) = (self.now(), None);
    }

    /// The resolver answers soon, with a record that exists.
    fn reopen(&mut self) {
        if let Decision::Final { resolution, again: false } = &self.row.decision {
            self.row.decision = Decision::Reopened(resolution.clone());
            self.due_at = None;
            self.send(Duration::from_secs(3), Event::Resolved(8), false, false);
        }
    }
}

/// There are two delay queues here, so a message may come back before its time, or a little after.
fn hop(later: Duration) -> Duration {
    Duration::from_secs(if later.as_secs() < 30 { 5 } else { 30 })
}
