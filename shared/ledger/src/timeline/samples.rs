//! One line and one reason of every variant, for tests: each has a French sentence, and each is read as it was written.

use std::borrow::Cow;

use base::{
    ids::{CallId, Kind, Vendor},
    rules::Outcome,
};
use jiff::Timestamp;
use serde_json::json;
use vendors::sellsy::wire::{RecordKind, Related};

use super::{
    super::{
        calls::Part,
        followups::Follows,
        resolution::{RecordRef, Source},
    },
    Answer, ApiRequest, CommentLine, DeadLetter, Decision, Failure, Reason, Seen, SellsyLog, TaskLine, View, What,
};

const TASK: TaskLine = TaskLine { task: 6_000_001, follows: Follows::MissedCall };
const COMMENT: CommentLine = CommentLine { comment: 7, messages: 2 };
const PROSPECT: RecordRef = RecordRef { kind: Kind::Individual, id: 2999 };

/// The samples in the order of their variants. A variant without a sample does not compile.
macro_rules! samples {
    ($type:ty { $($variant:pat => [$($sample:expr),+ $(,)?],)+ }) => {{
        let _: fn($type) = |all| match all { $($variant => {})+ };
        let mut samples = Vec::new();
        $($(
            let sample: $type = $sample;
            debug_assert!(matches!(sample, $variant), "{sample:?}");
            samples.push(sample);
        )+)+
        samples
    }};
}

pub fn reasons() -> Vec<Reason> {
    let event = || "summary.created".to_owned();
    samples!(Reason {
        Reason::OnlyRecord => [Reason::OnlyRecord],
        Reason::OnlyUsableRecord => [Reason::OnlyUsableRecord],
        Reason::KindFirst { .. } => [
            Reason::KindFirst { kind: Kind::Individual, n: 1 },
            Reason::KindFirst { kind: Kind::Company, n: 2 },
        ],
        Reason::FirstOfKind { .. } => [Reason::FirstOfKind { n: 3, kind: Kind::Contact }],
        Reason::NewestOfKind { .. } => [Reason::NewestOfKind { n: 3, kind: Kind::Contact }],
        Reason::NoRecord => [Reason::NoRecord],
        Reason::AllArchived => [Reason::AllArchived],
        Reason::Withheld => [Reason::Withheld],
        Reason::Internal => [Reason::Internal],
        Reason::Unusable => [Reason::Unusable],
        Reason::OwnLine => [Reason::OwnLine],
        Reason::Ignored => [Reason::Ignored],
        Reason::KindNotLogged { .. } => [
            Reason::KindNotLogged { outbound: false, outcome: Outcome::Missed },
            Reason::KindNotLogged { outbound: true, outcome: Outcome::Answered },
            Reason::KindNotLogged { outbound: false, outcome: Outcome::Voicemail },
        ],
        Reason::OutOfHours => [Reason::OutOfHours],
        Reason::SupplierNotLogged => [Reason::SupplierNotLogged],
        Reason::Pinned { .. } => [Reason::Pinned { by: "Inès".into(), at: Timestamp::constant(1_795_946_400, 0) }],
        Reason::PinGone { .. } => [Reason::PinGone {
            kind: Kind::Individual,
            id: 2005,
            then: Reason::OnlyRecord.into(),
        }],
        Reason::Relinked { .. } => [Reason::Relinked { by: "Inès".into(), at: Timestamp::constant(1_795_946_400, 0) }],
        Reason::OpportunityNotWanted => [Reason::OpportunityNotWanted],
        Reason::EarliestOpportunity => [Reason::EarliestOpportunity],
        Reason::NoOpportunity => [Reason::NoOpportunity],
        Reason::NobodyFound => [Reason::NobodyFound],
        Reason::Supplier => [Reason::Supplier],
        Reason::NoCompany => [Reason::NoCompany],
        Reason::CompanyIsSupplier => [Reason::CompanyIsSupplier],
        Reason::OpportunitiesRefused { .. } => [Reason::OpportunitiesRefused { code: "SELLSY_FORBIDDEN".into() }],
        Reason::OpportunitiesUnread { .. } => [Reason::OpportunitiesUnread { code: "SELLSY_UNAVAILABLE".into() }],
        Reason::CompaniesUnread { .. } => [Reason::CompaniesUnread { code: "SELLSY_UNAVAILABLE".into() }],
        Reason::CompaniesRefused { .. } => [Reason::CompaniesRefused { code: "SELLSY_PLAN".into() }],
        Reason::NoCard(_) => [Reason::NoCard(Reason::CallEnded.into())],
        Reason::NotLogged(_) => [Reason::NotLogged(Reason::Withheld.into())],
        Reason::NotWritten(_) => [Reason::NotWritten(Reason::NotResolved.into())],
        Reason::NoInsights(_) => [Reason::NoInsights(Reason::OtherNumber.into())],
        Reason::Erased => [Reason::Erased],
        Reason::CallEnded => [Reason::CallEnded],
        Reason::ShownBefore => [Reason::ShownBefore],
        Reason::ShownBeforeOrEnded => [Reason::ShownBeforeOrEnded],
        Reason::NoTask(_) => [Reason::NoTask(Reason::SpokenWith.into())],
        Reason::SpokenWith => [Reason::SpokenWith],
        Reason::NoSmartTags(_) => [Reason::NoSmartTags(Reason::TagTakenOff.into())],
        Reason::NoStep(_) => [Reason::NoStep(Reason::OpportunityClosed.into())],
        Reason::NoProspect(_) => [Reason::NoProspect(Reason::FoundInSellsy.into())],
        Reason::NoComment(_) => [Reason::NoComment(Reason::NoRecord.into())],
        Reason::TagTakenOff => [Reason::TagTakenOff],
        Reason::AlreadyThere => [Reason::AlreadyThere],
        Reason::OpportunityGone => [Reason::OpportunityGone],
        Reason::OpportunityClosed => [Reason::OpportunityClosed],
        Reason::InAnotherStep { .. } => [Reason::InAnotherStep { step: "Signature".into() }],
        Reason::StepUnknown { .. } => [Reason::StepUnknown { step: "Proposition".into() }],
        Reason::StepAmbiguous { .. } => [Reason::StepAmbiguous { step: "Proposition".into() }],
        Reason::StepBackwards { .. } => [Reason::StepBackwards { step: "Premier contact".into() }],
        Reason::FoundInSellsy => [Reason::FoundInSellsy],
        Reason::CardRefused { .. } => [Reason::CardRefused { status: "404 Not Found".into() }],
        Reason::NotResolved => [Reason::NotResolved],
        Reason::NobodyInSellsy => [Reason::NobodyInSellsy],
        Reason::NotArrived => [Reason::NotArrived],
        Reason::RecordGone => [Reason::RecordGone],
        Reason::TopicUnknown { .. } => [Reason::TopicUnknown { topic: "Devis".into() }],
        Reason::TopicsUnreadable { .. } => [Reason::TopicsUnreadable { code: "SELLSY_FORBIDDEN".into() }],
        Reason::TopicRefused => [Reason::TopicRefused],
        Reason::LogDeleted => [Reason::LogDeleted],
        Reason::UnknownToAircall => [Reason::UnknownToAircall],
        Reason::OtherNumber => [Reason::OtherNumber],
        Reason::TooShort { .. } => [Reason::TooShort { lasted_s: 60, more_than_s: 60 }],
        Reason::TooLong { .. } => [Reason::TooLong { lasted_s: 10_800, less_than_s: 10_800 }],
        Reason::NothingForLog { .. } => [Reason::NothingForLog { event: event() }],
        Reason::NoContent { .. } => [Reason::NoContent { event: event() }],
        Reason::Failed { .. } => [Reason::Failed { code: "SELLSY_UNAVAILABLE".into(), error: "no answer".into() }],
        Reason::Other(_) => [Reason::Other("a sentence of another version".into())],
    })
}

pub fn lines() -> Vec<What> {
    let log = SellsyLog::PhoneCall(9001);
    let error = || "PUT /phone-calls/{id}: answered 404".to_owned();
    let failure = || Failure { code: "SELLSY_REJECTED".into(), error: error(), attempts: 2 };
    let letter = || DeadLetter { message: "0199".into(), code: "SELLSY_REJECTED".into(), attempts: 2 };
    let mut lines = samples!(What {
        What::LookedUp(_) => [What::LookedUp(decision())],
        What::Decided(_) => [What::Decided(Decision { looked_up_at: Some(Timestamp::UNIX_EPOCH), ..decision() })],
        What::DecidedAgain(_) => [What::DecidedAgain(nobody())],
        What::CardShown {} => [What::CardShown {}],
        What::NoCardShown {} => [What::NoCardShown {}],
        What::Skipped { .. } => [What::Skipped { reason: Reason::NoCard(Reason::ShownBefore.into()) }],
        What::Retried(_) => [What::Retried(failure())],
        What::Parked(_) => [What::Parked(failure())],
        What::Logged { .. } => [
            What::Logged { log, related: vec![Related { kind: RecordKind::Individual, id: 2001 }] },
        ],
        What::Relinked { .. } => [What::Relinked {
            record: Some(RecordRef { kind: Kind::Individual, id: 2005 }),
            opportunity: None,
            by: "Inès".into(),
        }],
        What::AskedFor { .. } => [What::AskedFor { by: "Inès".into() }],
        What::InsightsAskedFor {} => [What::InsightsAskedFor {}],
        What::TaskCreated(_) => [What::TaskCreated(TASK)],
        What::TaskUpdated(_) => [What::TaskUpdated(TASK)],
        What::TaskDone { .. } => [What::TaskDone { task: TASK, spoke: CallId(3_811_600_002) }],
        What::TaskAdopted(_) => [What::TaskAdopted(TASK)],
        What::TaskLeftAlone(_) => [What::TaskLeftAlone(TASK)],
        What::TaskDeleted(_) => [What::TaskDeleted(TASK)],
        What::SmartTagsAdded { .. } => [What::SmartTagsAdded {
            to: Related { kind: RecordKind::Individual, id: 2001 },
            smart_tags: vec!["VIP".into()],
        }],
        What::StepMoved { .. } => [What::StepMoved { opportunity: 5001, step: "Proposition".into() }],
        What::ProspectCreated { .. } => [What::ProspectCreated { record: PROSPECT }],
        What::ProspectAdopted { .. } => [What::ProspectAdopted { record: PROSPECT }],
        What::ProspectUndone { .. } => [What::ProspectUndone { record: PROSPECT, by: "Inès".into() }],
        What::CommentCreated(_) => [What::CommentCreated(COMMENT)],
        What::CommentUpdated(_) => [What::CommentUpdated(COMMENT)],
        What::CommentAdopted { .. } => [What::CommentAdopted { comment: 7 }],
        What::CommentDeleted { .. } => [What::CommentDeleted { comment: 7 }],
        What::NoInsightsCame {} => [What::NoInsightsCame {}],
        What::WithoutTopic { .. } => [What::WithoutTopic { reason: Reason::TopicRefused }],
        What::LogUpToDate(_) => [What::LogUpToDate(SellsyLog::PhoneCall(7))],
        What::ChangedByPerson { .. } => [What::ChangedByPerson { parts: vec![Part::Result, Part::Text] }],
        What::LogUpdated(_) => [What::LogUpdated(SellsyLog::Comment(7))],
        What::AdoptedUnclear(_) => [What::AdoptedUnclear(log)],
        What::AdoptedUnknown(_) => [What::AdoptedUnknown(log)],
        What::LogDeleted(_) => [What::LogDeleted(log)],
        What::LinksRefused { .. } => [What::LinksRefused { error: error() }],
        What::RecordRefused { .. } => [What::RecordRefused { error: error() }],
        What::HandedOn {} => [What::HandedOn {}],
        What::PutOff { .. } => [What::PutOff { in_s: 20 }],
        What::InsightsFound { .. } => [What::InsightsFound { insights: vec!["summary".into()], fetched: true }],
        What::Replayed(_) => [What::Replayed(letter())],
        What::Dropped(_) => [What::Dropped(letter())],
        What::Request(_) => [request(Answer::Status(201), None), request(Answer::None, Some(2))],
        What::Event { .. } => [event(View::Created)],
        What::Other { .. } => [What::Other { what: "of another version".into(), detail: json!({ "n": 3 }) }],
    });
    lines.extend(views().into_iter().skip(1).map(event));
    lines
}

fn views() -> Vec<View> {
    samples!(View {
        View::Created => [View::Created],
        View::Ended => [View::Ended],
        View::Tagged => [View::Tagged],
        View::Untagged => [View::Untagged],
        View::Commented => [View::Commented],
        View::Transferred => [View::Transferred],
        View::TransferredOutside => [View::TransferredOutside],
        View::VoicemailLeft => [View::VoicemailLeft],
        View::AssetsGenerated => [View::AssetsGenerated],
        View::Reconciled => [View::Reconciled],
        View::Other(_) => [View::Other("call.hungup".into())],
    })
}

fn event(kind: View) -> What {
    What::Event { kind, detail: Seen { occurred_at: Timestamp::UNIX_EPOCH } }
}

fn decision() -> Decision {
    let record = RecordRef { kind: Kind::Individual, id: 2001 };
    Decision {
        record: Some(record),
        rule: Reason::KindFirst { kind: Kind::Individual, n: 1 },
        opportunity: Some(6001),
        opportunity_rule: Reason::EarliestOpportunity,
        candidates: vec![record, RecordRef { kind: Kind::Contact, id: 4001 }],
        source: Source::Directory,
        as_of: Some(Timestamp::UNIX_EPOCH),
        looked_up_at: None,
    }
}

fn nobody() -> Decision {
    Decision {
        record: None,
        rule: Reason::NoRecord,
        opportunity: None,
        opportunity_rule: Reason::NobodyFound,
        candidates: Vec::new(),
        source: Source::Remembered,
        as_of: None,
        looked_up_at: None,
    }
}

fn request(status: Answer, times: Option<u32>) -> What {
    let request = Cow::Borrowed("POST /phone-calls");
    What::Request(ApiRequest { api: Vendor::Sellsy, request, status, times, ms: 38 })
}
