//! What the tags of a call mean for its log, by the file of rules: its topic and its result, in the same write.
//!
//! The rules name topics, Sellsy wants their ids. The list of topics is read once and kept, like that of the staffs; a name that is
//! not on it may be new, so the list is then read again, but at most every ten minutes. If it cannot be read, the log is written without a
//! topic. Without a rule that names a topic it is never read.
//!
//! A `PUT` without a topic leaves the old one. So a log whose tags name none gets the account's default, which is what Sellsy itself gives
//! to a new phone call: a tag that is taken off takes its topic with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};

use base::{
    error::{Error, Remedy, Result},
    rules::{Meaning, Rules, folded},
};
use ledger::timeline::Reason;
use tokio::{sync::Mutex, time::Instant};
use vendors::{
    aircall::wire::Call,
    sellsy::{
        Sellsy,
        wire::{CallResult, PhoneCallCreate, TopicLabel},
    },
};

const KEEP: Duration = Duration::from_secs(3600);
const KEEP_IF_UNKNOWN: Duration = Duration::from_secs(600);
/// After a failure, and after Sellsy has refused a topic.
const KEEP_IF_DOUBTED: Duration = Duration::from_secs(60);

pub(crate) struct Tags {
    sellsy: Sellsy,
    rules: Arc<Rules>,
    known: StdMutex<Known>,
    /// Held while the list is being read.
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    topics: Option<Arc<Topics>>,
    /// When the list was read, or was to be.
    at: Option<Instant>,
    doubted: bool,
    /// Why the list could not be read the last time.
    failed: Option<Error>,
}

#[derive(Debug, Default, PartialEq)]
struct Topics {
    /// By their names, folded.
    ids: HashMap<String, i64>,
    default: Option<i64>,
}

impl Tags {
    pub(crate) fn new(sellsy: Sellsy, rules: Arc<Rules>) -> Self {
        Self { sellsy, rules, known: StdMutex::default(), reading: Mutex::default() }
    }

    /// Gives the log what the tags of the call mean, or says why it is written without the topic that they mean.
    pub(crate) async fn apply(&self, call: &Call, log: &mut PhoneCallCreate) -> Result<Option<Reason>> {
        let Meaning { topic, result } = self.meaning(call);
        if let Some(result) = result {
            log.result = CallResult::from(result.to_owned());
        }
        if self.rules.tags.topics().is_empty() {
            return Ok(None);
        }
        let wanted = topic.map(folded);
        let topics = self.topics(wanted.as_deref()).await?;
        let failed = || self.known(|known| known.failed.as_ref().map(|e| e.code.to_string())).unwrap_or_default();
        let (id, why) = match (topics, topic) {
            (Some(topics), None) => (topics.default, None),
            (Some(topics), Some(topic)) => match topics.ids.get(&folded(topic)) {
                Some(id) => (Some(*id), None),
                None => (None, Some(Reason::TopicUnknown { topic: topic.to_owned() })),
            },
            (None, Some(_)) => (None, Some(Reason::TopicsUnreadable { code: failed() })),
            (None, None) => (None, None),
        };
        log.topic = id;
        Ok(why)
    }

    /// Sellsy has refused the topic of the log: it may have been deleted since the list was read. Says why the log is without the topic
    /// that its tags mean; they may mean none.
    pub(crate) fn refused(&self, call: &Call, log: &mut PhoneCallCreate) -> Option<Reason> {
        self.known(|known| known.doubted = true);
        log.topic = None;
        self.meaning(call).topic.map(|_| Reason::TopicRefused)
    }

    fn meaning<'a>(&'a self, call: &'a Call) -> Meaning<'a> {
        self.rules.tags.mean(call.tags.iter().filter_map(|tag| tag.name.as_deref()))
    }

    fn known<T>(&self, of: impl FnOnce(&mut Known) -> T) -> T {
        of(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `None` if the list cannot be read. An error concerns all requests to Sellsy, and so the log too.
    async fn topics(&self, wanted: Option<&str>) -> Result<Option<Arc<Topics>>> {
        let fresh = |known: &Known| known.is_fresh(wanted).then(|| known.topics.clone());
        if let Some(topics) = self.known(|known| fresh(known)) {
            return Ok(topics);
        }
        let _reading = self.reading.lock().await;
        // Somebody else has read it meanwhile, or tried to.
        if let Some(topics) = self.known(|known| fresh(known)) {
            return Ok(topics);
        }
        match self.sellsy.topics().await {
            Err(e) if !matches!(e.remedy, Remedy::Park | Remedy::Retry { .. }) => Err(e),
            answer => Ok(self.known(|known| known.take(answer))),
        }
    }
}

impl Known {
    fn is_fresh(&self, wanted: Option<&str>) -> bool {
        let is_unknown =
            wanted.is_some_and(|name| self.topics.as_ref().is_none_or(|topics| !topics.ids.contains_key(name)));
        let keep = match (self.doubted, is_unknown) {
            (true, _) => KEEP_IF_DOUBTED,
            (false, true) => KEEP_IF_UNKNOWN,
            (false, false) => KEEP,
        };
        self.at.is_some_and(|at| at.elapsed() < keep)
    }

    /// The new list, or the old one if it could not be read.
    fn take(&mut self, answer: Result<Vec<TopicLabel>>) -> Option<Arc<Topics>> {
        self.at = Some(Instant::now());
        self.doubted = answer.is_err();
        match answer {
            Ok(labels) => self.topics = Some(Arc::new(Topics::of(labels))),
            Err(e) => {
                tracing::warn!(error = %e, "Sellsy's topics cannot be read; logs are written with those that were read before, or without.");
                self.failed = Some(e);
            }
        }
        self.topics.clone()
    }
}

impl Topics {
    /// Of two with one name the first counts.
    fn of(labels: Vec<TopicLabel>) -> Self {
        let default = labels.iter().find(|label| label.is_default).map(|label| label.id);
        let mut ids = HashMap::new();
        for TopicLabel { id, label, .. } in labels {
            if let Some(name) = label {
                ids.entry(folded(&name)).or_insert(id);
            }
        }
        Self { ids, default }
    }
}

#[cfg(test)]
mod tests {
    use base::{error::Code, rules::RESULTS};

    use super::*;

    fn labels() -> Vec<TopicLabel> {
        let label = |id, name: &str| TopicLabel { id, label: Some(name.to_owned()), is_default: id == 41 };
        vec![label(41, "Commercial"), label(42, " Support"), label(43, "support")]
    }

    #[test]
    fn every_result_of_the_rules_is_one_of_sellsys() {
        for result in RESULTS {
            let known = CallResult::from(result.to_owned());
            assert!(!matches!(known, CallResult::Other(_)), "{result}");
        }
    }

    #[test]
    fn an_old_list_is_better_than_none() {
        let failure = || Err(Error::park(Code::SellsyForbidden, "activities.read"));
        let ago = |span: Duration| Instant::now().checked_sub(span);
        let mut known = Known::default();
        assert!(!known.is_fresh(None), "it was never read");
        assert_eq!(known.take(failure()), None);
        assert!(known.is_fresh(Some("support")), "and it is not asked for with each call");
        known.at = ago(KEEP_IF_DOUBTED);
        assert!(!known.is_fresh(Some("support")));
        let topics = known.take(Ok(labels())).unwrap();
        assert_eq!((topics.ids.get("support"), topics.default), (Some(&42), Some(41)));
        for (age, wanted, is_fresh) in [
            (Duration::ZERO, Some("support"), true),
            (KEEP_IF_UNKNOWN, Some("support"), true),
            (KEEP, Some("support"), false),
            (KEEP_IF_UNKNOWN, None, true),
            // It may be new.
            (Duration::ZERO, Some("devis"), true),
            (KEEP_IF_UNKNOWN, Some("devis"), false),
        ] {
            known.at = ago(age);
            assert_eq!(known.is_fresh(wanted), is_fresh, "{wanted:?} after {age:?}");
        }
        assert_eq!(known.take(failure()), Some(topics), "the old one serves");
    }
}
