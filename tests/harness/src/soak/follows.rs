//! What follows from the calls of a soak beside their logs, and text messages: what the script orders, and what Sellsy must hold in the end.
//!
//! Tasks for missed calls, which are done when somebody has spoken with the caller; tasks for action items and for a tag; a smart-tag; a step of an
//! opportunity; prospects; comments. All of it is computed from the script alone.

mod judged;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    callers::{CALLERS, Caller},
    script::{Load, Truth},
};
use crate::Sandbox;

pub(super) use judged::judge;

/// All five at once.
pub(super) const RULES: &str = r#"
[tags]
"Devis" = { task = "Préparer le devis", step = "Négociation", from = ["Piste", "Qualification"] }
"VIP" = { smart_tags = "VIP" }
[missed]
after = "2s"
[action_items]
[unknown]
longer_than = "30s"
staff = 103
[messages]
after = "1s"
"#;
pub(super) const DEVIS: &str = "Devis";
pub(super) const VIP: &str = "VIP";
/// Whose prospects they are, by the rules.
pub(super) const STAFF: i64 = 103;
const LONGER_THAN_S: i64 = 30;
const FROM: [&str; 2] = ["Piste", "Qualification"];
const TO: &str = "Négociation";

#[derive(Clone, Copy, Debug)]
pub enum Whose {
    Caller(&'static Caller),
    /// Sellsy does not have the number, unless a call makes a prospect.
    Stranger,
    /// The number is withheld, or only archived records have it.
    Nobody,
}

/// What of a call counts for what follows from it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// In E.164; `None` if it is withheld.
    pub number: Option<String>,
    pub whose: Whose,
    pub outbound: bool,
    pub started_at: i64,
    pub answered_at: Option<i64>,
    pub ended_at: i64,
    pub tags: BTreeSet<&'static str>,
    /// The word of its action item.
    pub item: Option<String>,
}

impl Facts {
    /// The number of a stranger whom this call makes a prospect.
    pub fn makes_prospect(&self) -> Option<&str> {
        let talk = self.ended_at - self.answered_at?;
        let is_one = matches!(self.whose, Whose::Stranger) && talk > LONGER_THAN_S;
        self.number.as_deref().filter(|_| is_one)
    }
}

pub(super) fn digits(number: &str) -> String {
    number.chars().filter(|c| !c.is_whitespace()).collect()
}

/// A text message to play, or a change of one, and what it must end as.
#[derive(Clone, Debug)]
pub struct Text {
    /// Measured from the beginning of the run.
    pub at: std::time::Duration,
    pub id: String,
    pub order: Value,
    /// How much later it turns out that it did not arrive.
    pub fails_after: Option<std::time::Duration>,
    pub number: String,
    pub day: String,
    pub word: String,
}

/// One text message for three calls.
pub(super) fn texts(rng: &mut Rng, load: Load, truths: &[Truth], begins_s: i64) -> Vec<Text> {
    let strangers: Vec<&str> = truths
        .iter()
        .filter(|truth| matches!(truth.facts.whose, Whose::Stranger))
        .filter_map(|truth| truth.facts.number.as_deref())
        .collect();
    let count = load.calls / 3;
    let pace = load.over / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    (0..count)
        .map(|n| {
            let at = pace * u32::try_from(n).unwrap_or(u32::MAX);
            let at_s = begins_s + at.as_secs().cast_signed();
            let number = match rng.u32(..20) {
                0 => "38001".to_owned(),
                1..4 if !strangers.is_empty() => strangers[rng.usize(..strangers.len())].to_owned(),
                _ => digits(CALLERS[rng.usize(..CALLERS.len())].number),
            };
            let (id, word) = (format!("SMqz{n}"), format!("qzm{n}"));
            let sent = rng.bool();
            let mut order = json!({
                "id": id, "direction": if sent { "sent" } else { "received" }, "number": number, "line": rng.i64(1001..=1003),
                "body": format!("Texte {word}."), "at": at_s,
            });
            if rng.u32(..3) == 0 {
                order["channel"] = json!("whatsapp");
            }
            if rng.bool() {
                order["times"] = json!("ms");
            }
            let fails = sent && rng.u32(..4) == 0;
            let fails_after = fails.then(|| std::time::Duration::from_secs(rng.u64(1..8)));
            Text { at, id, order, fails_after, number, day: day(at_s), word }
        })
        .collect()
}

/// Of the installation's time zone.
fn day(at_s: i64) -> String {
    let at = jiff::Timestamp::from_second(at_s).and_then(|at| at.in_tz("Europe/Paris"));
    at.map(|at| at.date().to_string()).unwrap_or_default()
}

/// What the sandbox holds beside logs and cards.
#[derive(Clone, Debug, Default)]
pub struct Held {
    tasks: Vec<Value>,
    /// By number, those that Callbridge has made.
    prospects: BTreeMap<String, Vec<i64>>,
    /// By record.
    smart_tags: BTreeMap<(String, i64), Vec<String>>,
    /// The names of the opportunities' steps.
    steps: BTreeMap<i64, String>,
}

impl Held {
    pub async fn at(sandbox: &Sandbox) -> Result<Self> {
        let list = async |path: &str| {
            sandbox.get(path).await?.as_array().cloned().with_context(|| format!("{path} is a list"))
        };
        let mut prospects: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for individual in list("/sellsy/individuals").await? {
            let is_ours = individual["reference"].as_str().is_some_and(|reference| reference.starts_with("aircall-"));
            let number = individual["phone_number"].as_str().map(digits).filter(|_| is_ours);
            if let (Some(number), Some(id)) = (number, individual["id"].as_i64()) {
                prospects.entry(number).or_default().push(id);
            }
        }
        let of_callers = CALLERS.iter().map(|caller| (caller.kind.to_owned(), caller.id));
        let of_prospects = prospects.values().flatten().map(|id| ("individual".to_owned(), *id));
        let mut smart_tags = BTreeMap::new();
        for (kind, id) in of_callers.chain(of_prospects).collect::<BTreeSet<_>>() {
            let plural = if kind == "company" { "companies".to_owned() } else { format!("{kind}s") };
            let tags = sandbox.get(&format!("/sellsy/{plural}/{id}/smart-tags")).await?["smart_tags"].take();
            let values = tags.as_array().into_iter().flatten().filter_map(|tag| tag["value"].as_str());
            smart_tags.insert((kind, id), values.map(str::to_owned).collect());
        }
        let mut steps = BTreeMap::new();
        for opportunity in list("/sellsy/opportunities").await? {
            if let (Some(id), Some(step)) = (opportunity["id"].as_i64(), opportunity["step"]["name"].as_str()) {
                steps.insert(id, step.to_owned());
            }
        }
        Ok(Self { tasks: list("/sellsy/tasks").await?, prospects, smart_tags, steps })
    }

    fn prospect(&self, number: &str) -> Option<i64> {
        self.prospects.get(number)?.first().copied()
    }
}

/// What was ordered of a run, and what there was before it.
#[derive(Clone, Debug, Default)]
pub struct Ordered {
    pub texts: Vec<Text>,
    pub before: Held,
}

/// The truths with the prospects that there are.
pub(super) fn with_prospects(truths: &[Truth], held: &Held) -> Vec<Truth> {
    let with = |truth: &Truth| {
        let mut truth = truth.clone();
        if let (Whose::Stranger, Some(log), Some(number)) = (truth.facts.whose, &mut truth.log, &truth.facts.number) {
            log.related = [("individual".to_owned(), held.prospect(number).unwrap_or_default())].into();
        }
        truth
    };
    truths.iter().map(with).collect()
}
