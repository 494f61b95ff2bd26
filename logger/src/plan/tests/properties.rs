//! From any state, with any events in any order and any accidents: one log, which says what is known in the end.

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestCaseResult};

use super::{
    world::{Event, Fate, Kept, World},
    *,
};

/// The state in which a history begins.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// Nothing is known yet.
    New,
    NoLog,
    /// Aircall's list brought the call in, and an earlier ledger has logged it or not.
    Listed {
        logged: bool,
    },
    /// The ledger was restored, or has lost its last seconds: it knows the decision, and not the log, if there is one.
    Older {
        logged: bool,
    },
    /// The outcome of a POST was unclear this many seconds ago, and it has created a log or not.
    Unclear {
        form: LogForm,
        age: u8,
        made: bool,
    },
    Logged {
        form: LogForm,
        written: bool,
        changed: bool,
        due: Option<u8>,
        links: Links,
        /// A PUT ended unclear this many seconds ago.
        unclear: Option<u8>,
    },
}

const FORMS: [LogForm; 2] = [LogForm::PhoneCall, LogForm::Comment];

fn starts() -> impl Strategy<Value = Start> {
    let unclear = (select(&FORMS[..]), 0..60_u8, any::<bool>());
    let logged = (select(&FORMS[..]), any::<[bool; 3]>(), option::of(0..20_u8), option::of(0..60_u8));
    prop_oneof![
        Just(Start::New),
        Just(Start::NoLog),
        any::<bool>().prop_map(|logged| Start::Listed { logged }),
        any::<bool>().prop_map(|logged| Start::Older { logged }),
        unclear.prop_map(|(form, age, made)| Start::Unclear { form, age, made }),
        logged.prop_map(|(form, [written, changed, refused], due, unclear)| {
            let links = if refused { Links::Leave } else { Links::Set };
            Start::Logged { form, written, changed, due, links, unclear }
        }),
    ]
}

/// At least one event of each kind, so that the call can be logged in the end.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let more = prop_oneof![(2..6_u8).prop_map(Event::View), (1..4_u8).prop_map(Event::Insight)];
    vec(more, 0..6).prop_map(|mut events| {
        events.extend([Event::View(1), Event::Resolved(7)]);
        events
    })
}

/// Each event at least once, in any order, this many seconds apart.
fn shuffled() -> impl Strategy<Value = (Vec<Event>, Vec<(Event, u8)>)> {
    events().prop_flat_map(|events| {
        let twice = vec(select(events.clone()), 0..4);
        let played = twice.prop_map({
            let events = events.clone();
            move |twice| [events.clone(), twice].concat()
        });
        let played = played.prop_shuffle().prop_flat_map(|events| {
            let apart = vec(select(&[0, 1, 4, 9, 30, 100][..]), events.len());
            apart.prop_map(move |apart| events.iter().copied().zip(apart).collect())
        });
        (Just(events), played)
    })
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        Just(Fate::NoConnection),
        Just(Fate::Lost),
        (0..40_u8).prop_map(Fate::Late),
        Just(Fate::DiesBefore),
        Just(Fate::DiesAfter),
    ];
    vec(fate, 0..8)
}

fn world(start: Start) -> World {
    let mut row = row();
    let mut logs = vec![];
    let mut kept = |form, text: Option<String>| logs.push(Kept { id: 900, form, text: text.unwrap_or_default() });
    match start {
        Start::New => (row.snapshot, row.decision) = (None, Decision::Undecided),
        Start::NoLog | Start::Older { logged: false } => {}
        Start::Older { logged: true } => kept(LogForm::PhoneCall, None),
        Start::Listed { logged } => {
            row.log = Log::Unknown;
            if logged {
                kept(LogForm::PhoneCall, None);
            }
        }
        Start::Unclear { form, age, made } => {
            row.log = Log::Unclear { form: Some(form), age: Duration::from_secs(age.into()) };
            if made {
                kept(form, None);
            }
        }
        Start::Logged { form, written, changed, due, links, unclear } => {
            let due_in = due.map(|due| Duration::from_secs(due.into()));
            let unclear = unclear.map(|age| Change::Unclear { age: Duration::from_secs(age.into()) });
            let change = unclear.unwrap_or(Change::Settled);
            let mut stored = Stored { due_in, links, change, ..stored(&row, form) };
            if changed {
                stored.digest = Some("of an older text".into());
            }
            stored.digest = stored.digest.filter(|_| written);
            kept(form, stored.digest.clone());
            row.log = Log::Stored(stored);
        }
    }
    let mut world = World::of(row);
    world.first = matches!(start, Start::New | Start::NoLog);
    (world.sellsy.created, world.sellsy.logs) = (logs.len(), logs);
    world
}

fn play(world: &mut World, events: impl IntoIterator<Item = (Event, u8)>) {
    let mut at = Duration::ZERO;
    for (event, apart) in events {
        at += Duration::from_secs(apart.into());
        world.send(at, event, false, false);
    }
    world.run();
}

/// Only one log was ever created, it says what is known, and the ledger knows that.
fn at_rest(world: &World) -> TestCaseResult {
    prop_assert_eq!((world.sellsy.created, world.parked, world.sellsy.logs.len()), (1, 0, 1));
    let row = world.read();
    let (log, kept) = (log(&row).unwrap(), &world.sellsy.logs[0]);
    let digest = forms::digest(kept.form, &log);
    prop_assert_eq!(&kept.text, &digest);
    let stored = row.stored().unwrap();
    prop_assert_eq!((stored.id, stored.form, &stored.digest), (kept.id, kept.form, &Some(digest)));
    Ok(())
}

/// Sends every event once more: no request goes to Sellsy.
fn nothing_more(world: &mut World, events: &[Event]) -> TestCaseResult {
    let requests = world.sellsy.requests;
    play(world, events.iter().map(|event| (*event, 1)));
    prop_assert_eq!(world.sellsy.requests, requests);
    let context = Context {
        carries: true,
        news: News::Other,
        allowed: Allowed { fallback: LogFallback::Park, refusal: None },
        contested: false,
    };
    let row = world.read();
    let log = log(&row).unwrap();
    let action = plan(&row, &context, Progress::Rendered(&log));
    prop_assert!(matches!(action, Action::End(End::Nothing { was_due: false })), "{:?}", action);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_ends_in_the_same_log(start in starts(), (events, played) in shuffled(), fates in fates()) {
        let mut in_order = world(start);
        play(&mut in_order, events.iter().map(|event| (*event, 1)));
        at_rest(&in_order)?;
        let mut shuffled = world(start);
        shuffled.sellsy.fates = fates;
        play(&mut shuffled, played);
        at_rest(&shuffled)?;
        prop_assert_eq!(&in_order.sellsy.logs[0].form, &shuffled.sellsy.logs[0].form);
        prop_assert_eq!(&in_order.sellsy.logs[0].text, &shuffled.sellsy.logs[0].text);
        for mut world in [in_order, shuffled] {
            nothing_more(&mut world, &events)?;
        }
    }

    #[test]
    fn where_phone_calls_are_refused_there_is_one_comment((events, played) in shuffled(), fates in fates()) {
        let mut world = world(Start::New);
        (world.sellsy.no_phone_calls, world.sellsy.fates) = (true, fates);
        play(&mut world, played);
        at_rest(&world)?;
        prop_assert_eq!(world.sellsy.logs[0].form, LogForm::Comment);
        nothing_more(&mut world, &events)?;
    }

    #[test]
    fn a_log_outlives_the_record_that_it_was_for(start in starts(), (events, played) in shuffled(), fates in fates()) {
        let mut world = world(start);
        (world.sellsy.gone, world.sellsy.fates) = (Some(7), fates);
        play(&mut world, played);
        at_rest(&world)?;
        nothing_more(&mut world, &events)?;
    }

    #[test]
    fn what_a_person_deletes_stays_deleted(
        start in starts(), (_, mut played) in shuffled(), fates in fates(), place in any::<prop::sample::Index>(),
    ) {
        played.insert(place.index(played.len()), (Event::Deletion, 5));
        let mut world = world(start);
        world.sellsy.fates = fates;
        play(&mut world, played);
        if world.deleted_by_person {
            prop_assert_eq!((world.sellsy.created, world.sellsy.logs.len()), (1, 0));
        } else {
            at_rest(&world)?;
        }
    }
}
