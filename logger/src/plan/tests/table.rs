//! Checks every line of `cases.md`.

use ledger::resolution::Opportunity;

use super::*;

const CASES: &str = include_str!("../cases.md");

/// The lines of the table under this heading, without its head. An empty cell repeats the one to its left.
fn lines(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = CASES.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2).map(|line| {
        let mut cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        for cell in 1..cells.len() {
            if cells[cell].is_empty() {
                cells[cell] = cells[cell - 1];
            }
        }
        cells
    });
    lines.collect()
}

/// The action, in the words of the tables.
fn in_words(action: Action) -> String {
    let links = |links| if links == Links::Set { "PUT with links" } else { "PUT without links" };
    match action {
        Action::Step(step) => match step {
            Step::Find(forms) => {
                format!("look for {}", forms.into_iter().map(LogForm::as_str).collect::<Vec<_>>().join(", "))
            }
            Step::Read { form, .. } => format!("read {}", form.as_str()),
            Step::Adopt { form, .. } => format!("adopt {}", form.as_str()),
            Step::Create(Creation { form, refused: None }) => format!("POST {}", form.as_str()),
            Step::Create(Creation { form, .. }) => format!("POST {} on the record alone", form.as_str()),
            Step::Update(update) => links(update.links).into(),
        },
        Action::End(end) => match end {
            End::Nothing { was_due: false } => "nothing".into(),
            End::Nothing { was_due: true } => "nothing, and nothing is due".into(),
            End::PutOff(wait) => format!("put off for {} s", wait.as_secs()),
            End::Carry(left) => format!("carry it for {} s", left.as_secs()),
            End::Leave => "leave it to its carrier".into(),
            End::Wait(wait) => format!("wait {} s", wait.as_secs()),
            End::Created { form, links: LinksEnd::Fine, .. } => format!("note {}", form.as_str()),
            End::Created { form, .. } => format!("note {}, leave its links alone", form.as_str()),
            End::Updated { links: LinksEnd::Fine, .. } => "note it".into(),
            End::Updated { links: LinksEnd::LookUpAgain(_), .. } => "note it, look up again".into(),
            End::Updated { links: LinksEnd::LeaveAlone(_), .. } => "note it, leave its links alone".into(),
            End::Deleted { .. } => "note that a person deleted it".into(),
            End::LookUpAgain(_) => "look up again".into(),
            End::Fail(e) => match e.remedy {
                Remedy::Park => format!("park {}", e.code),
                Remedy::Retry { after: None } => format!("retry {}", e.code),
                Remedy::Retry { after: Some(after) } => format!("retry after {} s {}", after.as_secs(), e.code),
                Remedy::AwaitApi => format!("await {}", e.code),
                Remedy::Defer { after } => format!("come back in {} s", after.as_secs()),
                remedy => format!("{remedy:?} {}", e.code),
            },
        },
    }
}

fn state(name: &str) -> CallRow {
    let mut row = row();
    let (phone_call, comment) = (stored(&row, LogForm::PhoneCall), stored(&row, LogForm::Comment));
    let (stale, now, soon) = (Some("of an older text".to_owned()), Some(Duration::ZERO), Some(Duration::from_secs(8)));
    let unclear = |form, age| Log::Unclear { form, age: Duration::from_secs(age) };
    let put_unclear = |age| Change::Unclear { age: Duration::from_secs(age) };
    if name.starts_with("reopened") {
        row.decision = Decision::Reopened(resolution(Some(7)));
    }
    row.log = match name {
        "not resolved" | "nobody found" | "no view of the call" | "no log" | "no log, second decision" => Log::None,
        "no log, decided 2 s ago"
        | "no log, decided 61 s ago"
        | "no log, decided 91 s ago"
        | "no log, decided 5 min ago" => Log::None,
        "reopened, no log" => Log::None,
        "phone_call intended with the claim" => Log::Intended(LogForm::PhoneCall),
        "comment intended with the claim" => Log::Intended(LogForm::Comment),
        "brought by Aircall's list" => Log::Unknown,
        "POST phone_call unclear since 39 s" => unclear(Some(LogForm::PhoneCall), 39),
        "POST phone_call unclear since 40 s" => unclear(Some(LogForm::PhoneCall), 40),
        "reopened, POST phone_call unclear since 40 s" => unclear(Some(LogForm::PhoneCall), 40),
        "POST comment unclear since 40 s" => unclear(Some(LogForm::Comment), 40),
        "POST of any form unclear since 40 s" => unclear(None, 40),
        "logged" | "reopened, logged" | "erased" => Log::Stored(phone_call),
        "logged, written twice, 5 s ago" => {
            Log::Stored(Stored { writes: 2, written_age: Duration::from_secs(5), ..phone_call })
        }
        "logged as comment" => Log::Stored(comment),
        "logged, a change due in 8 s" => Log::Stored(Stored { digest: stale, due_in: soon, ..phone_call }),
        "logged, a change due in 8 s was undone" => Log::Stored(Stored { due_in: soon, ..phone_call }),
        "logged, a change due now" | "reopened, a change due now" => {
            Log::Stored(Stored { digest: stale, due_in: now, ..phone_call })
        }
        "logged, a change due now is intended with the claim" => {
            Log::Stored(Stored { digest: stale, due_in: now, change: Change::Intended, ..phone_call })
        }
        "logged, PUT unclear since 10 s" => Log::Stored(Stored { change: put_unclear(10), ..phone_call }),
        "logged, PUT unclear since 40 s" => Log::Stored(Stored { change: put_unclear(40), ..phone_call }),
        "logged as comment, PUT unclear since 40 s" => Log::Stored(Stored { change: put_unclear(40), ..comment }),
        "logged as comment, a change due now" => Log::Stored(Stored { digest: stale, due_in: now, ..comment }),
        "adopted, not written since" => Log::Stored(Stored { digest: None, ..phone_call }),
        "comment adopted, not written since" => Log::Stored(Stored { digest: None, ..comment }),
        "links refused" => Log::Stored(Stored { links: Links::Leave, ..phone_call }),
        "links refused, a change due now" => {
            Log::Stored(Stored { links: Links::Leave, digest: stale, due_in: now, ..phone_call })
        }
        "log deleted by a person" => Log::Deleted,
        name => unreachable!("what is {name}?"),
    };
    match name {
        "not resolved" => row.decision = Decision::Undecided,
        "nobody found" => row.decision = Decision::Final { resolution: resolution(None), again: false },
        "no log, second decision" => row.decision = Decision::Final { resolution: resolution(Some(7)), again: true },
        "no view of the call" => row.snapshot = None,
        "no log, decided 2 s ago" => row.decided_age = Some(Duration::from_secs(2)),
        "no log, decided 61 s ago" => row.decided_age = Some(Duration::from_secs(61)),
        "no log, decided 91 s ago" => row.decided_age = Some(Duration::from_secs(91)),
        "no log, decided 5 min ago" => row.decided_age = Some(FIRST_WITHIN),
        "erased" => (row.decision, row.snapshot) = (Decision::Erased, None),
        _ => {}
    }
    row
}

/// Applies a message to the row as the ledger does. Nothing is stored for an erased call.
fn take_in(row: &mut CallRow, message: &str) {
    if row.decision == Decision::Erased {
        return;
    }
    match message {
        "resolved" => {
            let again = matches!(row.decision, Decision::Reopened(_) | Decision::Final { again: true, .. });
            row.decision = Decision::Final { resolution: resolution(Some(7)), again };
        }
        "tag" => row.snapshot = Some(view(2)),
        "insight" => drop(row.insights.insert("summary".into(), insight(1))),
        _ => {}
    }
}

fn context(carries: bool, refused: bool, fallback: LogFallback) -> Context {
    let allowed = Allowed { fallback, refusal: refused.then(plan_error) };
    Context { carries, news: News::Other, allowed, contested: false }
}

/// The same for another message.
fn about(news: News, context: Context) -> Context {
    Context { news, ..context }
}

/// The first action apart from rendering.
fn first(row: &CallRow, context: &Context) -> String {
    let asks = if hint_again(row, context.carries).is_some() { "ask the resolver again, " } else { "" };
    let does = match ready(row) {
        Ok(_) => in_words(plan(row, context, Progress::Rendered(&log(row).unwrap()))),
        Err(why) => format!("skip: {why}"),
    };
    format!("{asks}{does}")
}

#[test]
fn a_message_has_come() {
    use LogFallback::{Comment, Park};
    let columns = [
        ("resolved", about(News::FirstDecision, context(false, false, Park))),
        ("resolved", about(News::Decision, context(false, false, Park))),
        ("tag", context(false, false, Park)),
        ("insight", context(false, false, Park)),
        ("", context(true, false, Park)),
        ("tag", context(true, false, Park)),
        ("", about(News::FirstDecision, context(false, true, Park))),
        ("", about(News::FirstDecision, context(false, true, Comment))),
    ];
    let lines = lines("A message has come");
    assert!(lines.len() > 25);
    for line in lines {
        let [name, cells @ ..] = line.as_slice() else { unreachable!() };
        assert_eq!(cells.len(), columns.len(), "{name}");
        for ((message, context), expected) in columns.iter().zip(cells) {
            let mut row = state(name);
            take_in(&mut row, message);
            assert_eq!(first(&row, context), *expected, "{name}: {message}, {context:?}");
        }
    }
}

#[test]
fn a_message_has_come_while_requests_wait() {
    use LogFallback::Park;
    let contested = |context: Context| Context { contested: true, ..context };
    let columns = [
        ("resolved", about(News::FirstDecision, context(false, false, Park))),
        ("resolved", about(News::Decision, context(false, false, Park))),
        ("tag", context(false, false, Park)),
        ("tag", context(true, false, Park)),
    ];
    for line in lines("A message has come, and requests wait for the budget") {
        let [name, cells @ ..] = line.as_slice() else { unreachable!() };
        assert_eq!(cells.len(), columns.len(), "{name}");
        for ((message, context), expected) in columns.iter().zip(cells) {
            let mut row = state(name);
            take_in(&mut row, message);
            assert_eq!(first(&row, &contested(context.clone())), *expected, "{name}: {message}");
        }
    }
}

/// Logs without an earlier POST whose outcome was unclear, and with one.
fn logs() -> [Vec<Log>; 2] {
    let unclear = |form| Log::Unclear { form, age: SETTLED };
    let forms = [LogForm::PhoneCall, LogForm::Comment];
    let mut nothing_unclear = vec![Log::None, Log::Unknown];
    nothing_unclear.extend(forms.map(Log::Intended));
    [nothing_unclear, vec![unclear(None), unclear(Some(forms[0])), unclear(Some(forms[1]))]]
}

fn decided(again: bool, log: Log) -> CallRow {
    let mut row = row();
    row.decision = Decision::Final { resolution: resolution(Some(7)), again };
    row.log = log;
    row
}

fn after(row: &CallRow, context: &Context, answer: Answer) -> String {
    in_words(plan(row, context, Progress::Answered(answer)))
}

fn failure(name: &str) -> Error {
    match name {
        "400" => Error::park(Code::SellsyRejected, "answered 400"),
        "402" => plan_error(),
        "403" => Error::park(Code::SellsyForbidden, "answered 403"),
        "no clear end" | "no connection" | "no answer" => Error::retry(Code::SellsyUnavailable, name),
        "nothing can be sent" => Error::new(Code::SellsyUnavailable, Remedy::AwaitApi, name),
        name => unreachable!("what is {name}?"),
    }
}

fn answer<T>(name: &str, done: T) -> Result<T, WriteError> {
    match name {
        "done" => Ok(done),
        "404" => Err(WriteError::Missing),
        "no clear end" => Err(WriteError::Unclear(failure(name))),
        name => Err(WriteError::Refused(failure(name), None)),
    }
}

/// Splits off the settings that a cell names.
fn settings(cell: &str) -> (&str, LogFallback) {
    match cell.strip_suffix(", LOG_FALLBACK=comment") {
        Some(cell) => (cell, LogFallback::Comment),
        None => (cell, LogFallback::Park),
    }
}

fn form(name: &str) -> LogForm {
    match name {
        "phone_call" | "a phone_call" => LogForm::PhoneCall,
        "comment" | "a comment" => LogForm::Comment,
        name => unreachable!("what is {name}?"),
    }
}

#[test]
fn a_log_was_looked_for() {
    for line in lines("A log was looked for") {
        let (cell, fallback) = settings(line[0]);
        let (cell, refused) = cell.strip_suffix(", phone calls are refused").map_or((cell, false), |cell| (cell, true));
        let [_, unclear] = logs();
        for log in [Log::Unknown].into_iter().chain(unclear) {
            let of_a_comment = matches!(log, Log::Unclear { form: Some(LogForm::Comment), .. });
            let found = match cell {
                "none" if of_a_comment => continue,
                "none, and the POST that ended unclear was of a comment" if !of_a_comment => continue,
                "none" | "none, and the POST that ended unclear was of a comment" => Ok(None),
                "a phone_call" | "a comment" => Ok(Some((form(cell), 900))),
                cell => Err(failure(cell)),
            };
            for (again, expected) in [(false, line[1]), (true, line[2])] {
                let row = decided(again, log.clone());
                let did = after(&row, &context(false, refused, fallback), Answer::Found(found.clone()));
                assert_eq!(did, expected, "{}, {:?}", line[0], row.log);
            }
        }
    }
}

#[test]
fn an_adopted_log_is_written_at_once() {
    let [_, unclear] = logs();
    for log in [Log::Unknown].into_iter().chain(unclear) {
        for (form, expected) in [(LogForm::PhoneCall, "PUT with links"), (LogForm::Comment, "PUT without links")] {
            let row = decided(false, log.clone());
            let context = context(false, false, LogFallback::Park);
            assert_eq!(after(&row, &context, Answer::Adopted { form, id: 900 }), expected);
            // The next message would read it first.
            let mut read_again = row.clone();
            read_again.log = Log::Stored(Stored { digest: None, ..stored(&row, form) });
            assert_eq!(first(&read_again, &context), format!("read {}", form.as_str()));
        }
    }
}

#[test]
fn a_log_was_read() {
    for line in lines("A log was read") {
        for (name, expected) in line[1..].iter().zip(1..).map(|(cell, n)| (COLUMNS[n - 1], cell)) {
            let row = state(name);
            let form = row.stored().unwrap().form;
            let exists = match line[0] {
                "it is there" => Ok(true),
                "it is not" => Ok(false),
                cell => Err(failure(cell)),
            };
            let did = after(&row, &context(true, false, LogFallback::Park), Answer::Read { form, id: 900, exists });
            assert_eq!(did, *expected, "{}: {name}", line[0]);
        }
    }
    const COLUMNS: [&str; 4] = [
        "logged, a change due now",
        "logged as comment, a change due now",
        "links refused, a change due now",
        "reopened, a change due now",
    ];
}

fn intent_in_words(intent: Intent) -> &'static str {
    match intent {
        Intent::Keep => "keep",
        Intent::Renew => "renew",
        Intent::Withdraw => "withdraw",
    }
}

#[test]
fn a_post_was_answered() {
    for line in lines("A POST was answered") {
        let [form_name, cell, intents @ .., first, second] = line.as_slice() else { unreachable!() };
        let (cell, fallback) = settings(cell);
        let (form_name, refused) = match form_name.strip_suffix(" on the record alone") {
            Some(form_name) => (form_name, Some("answered 400".to_owned())),
            None => (*form_name, None),
        };
        let (form_name, linked) = form_name.strip_suffix(" with links").map_or((form_name, false), |name| (name, true));
        let creation = Creation { form: form(form_name), refused };
        for (logs, intent) in logs().into_iter().zip(intents) {
            for log in logs {
                for (again, expected) in [(false, first), (true, second)] {
                    let mut row = decided(again, log.clone());
                    if let Decision::Final { resolution, .. } = &mut row.decision
                        && linked
                    {
                        let name = String::new();
                        resolution.opportunity = Some(Opportunity { id: 6001, name, status: "open".into() });
                    }
                    assert_eq!(intent_in_words(intent_after(&row, &answer(cell, 900))), *intent, "{line:?}, {log:?}");
                    let answered = Answer::Created { creation: creation.clone(), answer: answer(cell, 900) };
                    let did = after(&row, &context(false, false, fallback), answered);
                    assert_eq!(did, *expected, "{line:?}, {log:?}");
                }
            }
        }
    }
}

#[test]
fn the_intent_of_a_put() {
    for line in lines("A PUT was answered") {
        let [answered, intents @ .., _, _, _, _] = line.as_slice() else { unreachable!() };
        let changes = [Change::Intended, Change::Unclear { age: SETTLED }];
        for (change, expected) in changes.into_iter().zip(intents) {
            let row = decided(false, Log::Stored(Stored { change, ..stored(&row(), LogForm::PhoneCall) }));
            assert_eq!(intent_in_words(intent_after(&row, &answer(answered, ()))), *expected, "{line:?}");
        }
    }
}

#[test]
fn a_put_was_answered() {
    let refused = || Some("answered 400".to_owned());
    for line in lines("A PUT was answered") {
        let columns = [
            (false, Links::Set, None),
            (false, Links::Leave, None),
            (false, Links::Leave, refused()),
            (true, Links::Leave, refused()),
        ];
        for ((again, links, refused), expected) in columns.into_iter().zip(&line[3..]) {
            let row = decided(again, Log::Stored(stored(&row(), LogForm::PhoneCall)));
            let update = Update { form: LogForm::PhoneCall, id: 900, links, refused };
            let answered = Answer::Updated { update, answer: answer(line[0], ()) };
            assert_eq!(after(&row, &context(false, false, LogFallback::Park), answered), *expected, "{line:?}");
        }
    }
}

/// In every state and on every path, whatever the answers are: a POST is sent only if no log can exist, or if one was
/// looked for in each form that it may have.
#[test]
fn nothing_is_created_before_it_was_looked_for() {
    let mut paths = 0;
    for line in lines("A message has come") {
        for message in ["resolved", "tag", ""] {
            for fallback in [LogFallback::Park, LogFallback::Comment] {
                for refused in [false, true] {
                    let mut row = state(line[0]);
                    take_in(&mut row, message);
                    let Some(log) = log(&row) else { continue };
                    let context = context(true, refused, fallback);
                    let first = plan(&row, &context, Progress::Rendered(&log));
                    paths += follow(&row, &context, first, false);
                }
            }
        }
    }
    assert!(paths > 500, "{paths} paths");
}

fn follow(row: &CallRow, context: &Context, action: Action, looked: bool) -> usize {
    const ANSWERS: [&str; 7] = ["done", "no clear end", "no connection", "400", "402", "403", "404"];
    let answers: Vec<Answer> = match action {
        Action::End(_) => return 1,
        Action::Step(Step::Find(forms)) => {
            let found = forms.iter().map(|&form| Ok(Some((form, 900))));
            let failed = ["400", "403", "no answer"].map(|name| Err(failure(name)));
            found.chain([Ok(None)]).chain(failed).map(Answer::Found).collect()
        }
        Action::Step(Step::Adopt { form, id }) => vec![Answer::Adopted { form, id }],
        Action::Step(Step::Read { form, id }) => {
            let failed = ["403", "no answer"].map(|name| Err(failure(name)));
            [Ok(true), Ok(false)].into_iter().chain(failed).map(|exists| Answer::Read { form, id, exists }).collect()
        }
        Action::Step(Step::Create(creation)) => {
            let may_exist = !matches!(row.log, Log::Intended(_));
            assert!(looked || !may_exist, "{row:?}");
            assert!(!matches!(row.log, Log::Stored(_) | Log::Deleted), "{row:?}");
            ANSWERS.map(|name| Answer::Created { creation: creation.clone(), answer: answer(name, 900) }).into()
        }
        Action::Step(Step::Update(update)) => {
            let again = || Update { refused: update.refused.clone(), ..update };
            ANSWERS.map(|name| Answer::Updated { update: again(), answer: answer(name, ()) }).into()
        }
    };
    let follow = |answer| {
        let looked = looked || matches!(answer, Answer::Found(Ok(None)));
        follow(row, context, plan(row, context, Progress::Answered(answer)), looked)
    };
    answers.into_iter().map(follow).sum()
}
