//! A Sellsy whose requests can fail in many ways.

use super::super::*;

/// What happens to one request.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Fate {
    NoConnection,
    /// No answer came, and nothing was done.
    Lost,
    /// No answer came. The request is carried out this many seconds later.
    Late(u8),
    /// The writer dies before it has sent the request, or after Sellsy has carried it out.
    DiesBefore,
    DiesAfter,
}

/// A log, with the digest of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Kept {
    pub(in super::super) id: i64,
    pub(in super::super) form: LogForm,
    pub(in super::super) text: String,
}

/// A request that Sellsy has yet to carry out.
pub(super) enum Request {
    Post(Kept),
    Put { id: i64, text: String },
}

#[derive(Default)]
pub(in super::super) struct Sellsy {
    pub(super) now: Duration,
    pub(in super::super) logs: Vec<Kept>,
    pub(super) in_flight: Vec<(Duration, Request)>,
    /// For the next requests; all later ones succeed.
    pub(in super::super) fates: Vec<Fate>,
    /// The plan does not include phone calls.
    pub(in super::super) no_phone_calls: bool,
    /// A record that no longer exists: no log may be linked to it.
    pub(in super::super) gone: Option<i64>,
    pub(in super::super) created: usize,
    pub(in super::super) requests: usize,
}

/// The writer died during a request.
pub(super) struct Died;

impl Sellsy {
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.in_flight.sort_by_key(|(at, _)| *at);
        for (_, request) in self.in_flight.extract_if(.., |(at, _)| *at <= self.now) {
            match request {
                Request::Post(log) => {
                    self.created += 1;
                    self.logs.push(log);
                }
                Request::Put { id, text } => {
                    self.logs.iter_mut().filter(|log| log.id == id).for_each(|log| log.text.clone_from(&text));
                }
            }
        }
    }

    /// `act` gets the time at which it is carried out.
    fn request<T>(
        &mut self,
        act: impl FnOnce(&mut Self, Duration) -> Result<T, WriteError>,
    ) -> Result<Result<T, WriteError>, Died> {
        self.requests += 1;
        let now = self.now;
        let Some(fate) = self.fates.pop() else {
            let answer = act(self, now);
            self.pass(Duration::ZERO);
            return Ok(answer);
        };
        match fate {
            Fate::NoConnection => Ok(Err(WriteError::Refused(unavailable(), None))),
            Fate::Lost => Ok(Err(WriteError::Unclear(unavailable()))),
            Fate::Late(seconds) => {
                let _ = act(self, now + Duration::from_secs(seconds.into()));
                Ok(Err(WriteError::Unclear(unavailable())))
            }
            Fate::DiesBefore => Err(Died),
            Fate::DiesAfter => {
                let _ = act(self, now);
                Err(Died)
            }
        }
    }

    pub(super) fn find(&mut self, forms: &[LogForm]) -> Result<Result<Option<(LogForm, i64)>>, Died> {
        let found = self.request(|sellsy, _| {
            let of = |form: &LogForm| sellsy.logs.iter().find(|log| log.form == *form);
            Ok(forms.iter().find_map(of).map(|log| (log.form, log.id)))
        })?;
        Ok(found.map_err(|_| unavailable()))
    }

    pub(super) fn read(&mut self, id: i64) -> Result<Result<bool>, Died> {
        let found = self.request(|sellsy, _| Ok(sellsy.logs.iter().any(|log| log.id == id)))?;
        Ok(found.map_err(|_| unavailable()))
    }

    pub(super) fn post(&mut self, log: &PhoneCallCreate, form: LogForm) -> Result<Result<i64, WriteError>, Died> {
        self.request(|sellsy, at| {
            if form == LogForm::PhoneCall && sellsy.no_phone_calls {
                return Err(WriteError::Refused(plan_error(), None));
            }
            sellsy.hangs(log)?;
            let id = 900 + i64::try_from(sellsy.requests).unwrap();
            sellsy.in_flight.push((at, Request::Post(Kept { id, form, text: forms::digest(form, log) })));
            Ok(id)
        })
    }

    pub(super) fn put(&mut self, log: &PhoneCallCreate, update: &Update) -> Result<Result<(), WriteError>, Died> {
        self.request(|sellsy, at| {
            if update.links == Links::Set {
                sellsy.hangs(log)?;
            }
            let kept = sellsy.logs.iter().find(|log| log.id == update.id).ok_or(WriteError::Missing)?;
            let put = Request::Put { id: kept.id, text: forms::digest(update.form, log) };
            sellsy.in_flight.push((at, put));
            Ok(())
        })
    }

    fn hangs(&self, log: &PhoneCallCreate) -> Result<(), WriteError> {
        let gone = log.related.iter().any(|related| Some(related.id) == self.gone);
        let rejected = || WriteError::Refused(Error::park(Code::SellsyRejected, "answered 400"), None);
        if gone { Err(rejected()) } else { Ok(()) }
    }
}

fn unavailable() -> Error {
    Error::retry(Code::SellsyUnavailable, "no answer")
}
