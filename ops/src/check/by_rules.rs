//! The file of rules against the two accounts: topics, tags, staffs and lines that it names and that do not exist.

use std::collections::HashSet;

use base::{
    rules::{Rules, StaffRef, StepRef, folded},
    settings::Settings,
};
use vendors::{
    aircall::{Aircall, wire::Call},
    sellsy::{Sellsy, wire::StaffStatus},
};

use super::{
    Finding, Verdict, look, rules,
    said::{Sentence, name},
    texts,
};

pub(super) fn of_settings(settings: &Settings) -> Finding {
    let verdict = match &settings.rules_file {
        None => Verdict::ok(texts::NO_RULES),
        Some(file) => {
            let known = std::iter::once(settings.regions.first()).chain(settings.regions.others().iter().copied());
            let known: HashSet<_> = known.collect();
            match settings.rules.lines.regions().find(|region| !known.contains(region)) {
                Some(region) => Verdict::warning(
                    texts::RULES_REGION.with([name(region)]),
                    texts::RULES_REGION_CURE.with([name(region)]),
                ),
                None => Verdict::ok(texts::RULES_FINE.with([name(file.display())])),
            }
        }
    };
    verdict.about(texts::RULES)
}

/// How many [`of_sellsy`] sends.
pub(super) fn requests_to_sellsy(settings: &Settings) -> usize {
    let rules = &settings.rules;
    let asks = [
        !rules.tags.topics().is_empty(),
        rules.task_labels().next().is_some(),
        rules.tags.acts().any(|acts| acts.step.is_some()),
        rules.staffs().next().is_some(),
    ];
    asks.into_iter().filter(|asks| *asks).count()
}

/// How many [`of_aircall`] sends.
pub(super) fn requests_to_aircall(settings: &Settings) -> usize {
    let rules = &settings.rules;
    usize::from(rules.tags_named().next().is_some()) + usize::from(rules.lines_missing_from(&[]) > 0)
}

pub(super) async fn of_sellsy(sellsy: &Sellsy, settings: &Settings, credential: Sentence) -> Vec<Finding> {
    let rules = &settings.rules;
    let mut findings = Vec::new();
    if !rules.tags.topics().is_empty() {
        findings.push(look(texts::RULES_TOPICS, topics(sellsy, rules, credential)).await);
    }
    let labels: Vec<&str> = rules.task_labels().collect();
    if !labels.is_empty() {
        findings.push(look(texts::RULES_LABELS, task_labels(sellsy, &labels, credential)).await);
    }
    if rules.tags.acts().any(|acts| acts.step.is_some()) {
        findings.push(look(texts::RULES_STEPS, steps(sellsy, rules, credential)).await);
    }
    if rules.staffs().next().is_some() {
        findings.push(look(texts::RULES_AGENTS, agents(sellsy, rules, credential)).await);
    }
    findings
}

async fn topics(sellsy: &Sellsy, rules: &Rules, credential: Sentence) -> Verdict {
    let labels = match sellsy.topics().await {
        Ok(labels) => labels,
        Err(e) => return rules::api(&e, "SELLSY_API_URL", credential),
    };
    let known: HashSet<String> = labels.iter().filter_map(|label| label.label.as_deref()).map(folded).collect();
    let topics = rules.tags.topics();
    missing(topics.iter().copied().filter(|topic| !known.contains(&folded(topic))), texts::NO_TOPIC, topics.len())
}

async fn task_labels(sellsy: &Sellsy, named: &[&str], credential: Sentence) -> Verdict {
    let labels = match sellsy.task_labels().await {
        Ok(labels) => labels,
        Err(e) => return rules::api(&e, "SELLSY_API_URL", credential),
    };
    let active = labels.iter().filter(|label| label.is_active != Some(false));
    let known: HashSet<String> = active.filter_map(|label| label.name.as_deref()).map(folded).collect();
    let unknown = named.iter().copied().filter(|label| !known.contains(&folded(label)));
    missing(unknown, texts::NO_TASK_LABEL, named.len())
}

/// Each has to mean one step: two pipelines can have steps of the same name.
async fn steps(sellsy: &Sellsy, rules: &Rules, credential: Sentence) -> Verdict {
    let known = match sellsy.steps().await {
        Ok(steps) => steps,
        Err(e) => return rules::api(&e, "SELLSY_API_URL", credential),
    };
    let such = |step: &StepRef| known.iter().filter(|known| step.is(known.id, known.name.as_deref())).count();
    let shown = |step: &StepRef| match step {
        StepRef::Id(id) => id.to_string(),
        StepRef::Name(name) => name.clone(),
    };
    let rules: Vec<_> = rules.tags.acts().filter_map(|acts| acts.step.as_ref()).collect();
    let all: Vec<&StepRef> = rules.iter().flat_map(|rule| rule.from.iter().chain([&rule.to])).collect();
    let unknown: Vec<String> = all.iter().filter(|step| such(step) == 0).map(|step| shown(step)).collect();
    if !unknown.is_empty() {
        return missing(unknown.iter().map(String::as_str), texts::NO_STEP, all.len());
    }
    match all.iter().find(|step| such(step) > 1) {
        Some(step) => {
            let says = texts::SEVERAL_STEPS.with([name(shown(step))]);
            let named = known.iter().filter(|known| step.is(known.id, known.name.as_deref()));
            let ids: Vec<String> = named.map(|known| known.id.to_string()).collect();
            Verdict::failed(says, texts::SEVERAL_STEPS_CURE.with([name(ids.join(", "))]))
        }
        None => Verdict::ok(texts::ALL_EXIST.with([name(all.len())])),
    }
}

async fn agents(sellsy: &Sellsy, rules: &Rules, credential: Sentence) -> Verdict {
    let staffs = match sellsy.staffs().await {
        Ok(staffs) => staffs,
        Err(e) => return rules::api(&e, "SELLSY_API_URL", credential),
    };
    let is_there = |named: &&StaffRef| {
        staffs.iter().filter(|staff| matches!(staff.status, None | Some(StaffStatus::Ok))).any(|staff| match named {
            StaffRef::Id(id) => staff.id == *id,
            StaffRef::Email(email) => staff.email.as_deref().is_some_and(|of| folded(of) == *email),
        })
    };
    // An address belongs to a person: how many there are has to do.
    let (all, there) = (rules.staffs().count(), rules.staffs().filter(is_there).count());
    if there == all {
        return Verdict::ok(texts::ALL_ACTIVE.with([name(all)]));
    }
    Verdict::failed(texts::NOT_ACTIVE.with([name(all - there), name(all)]), texts::NOT_ACTIVE_CURE)
}

pub(super) async fn of_aircall(aircall: &Aircall, settings: &Settings, credential: Sentence) -> Vec<Finding> {
    let rules = &settings.rules;
    let mut findings = Vec::new();
    if rules.tags_named().next().is_some() {
        findings.push(look(texts::RULES_TAGS, tags(aircall, rules, credential)).await);
    }
    if rules.lines_missing_from(&[]) > 0 {
        findings.push(look(texts::RULES_LINES, lines(aircall, rules, credential)).await);
    }
    findings
}

async fn tags(aircall: &Aircall, rules: &Rules, credential: Sentence) -> Verdict {
    let tags = match aircall.tags().await {
        Ok(tags) => tags,
        Err(e) => return rules::api(&e, "AIRCALL_API_URL", credential),
    };
    let known: HashSet<String> = tags.iter().filter_map(|tag| tag.name.as_deref()).map(folded).collect();
    let count = rules.tags_named().count();
    let verdict = missing(rules.tags_named().filter(|tag| !known.contains(&folded(tag))), texts::NO_TAG, count);
    // Calls of before may still have it.
    Verdict { state: if verdict.cure.is_some() { super::State::Warning } else { verdict.state }, ..verdict }
}

async fn lines(aircall: &Aircall, rules: &Rules, credential: Sentence) -> Verdict {
    let numbers = match aircall.numbers().await {
        Ok(numbers) => numbers,
        Err(e) => return rules::api(&e, "AIRCALL_API_URL", credential),
    };
    let calls: Vec<Call> = numbers.into_iter().map(|number| Call { number: Some(number), ..Call::default() }).collect();
    let lines: Vec<_> = calls.iter().map(Call::line).collect();
    match rules.lines_missing_from(&lines) {
        0 => Verdict::ok(texts::ALL_LINES),
        n => Verdict::failed(texts::NO_LINES.with([name(n)]), texts::CORRECT_NAME),
    }
}

fn missing<'a>(names: impl Iterator<Item = &'a str>, what: Sentence, all: usize) -> Verdict {
    let names: Vec<String> = names.map(|one| format!("“{one}”")).collect();
    if names.is_empty() {
        return Verdict::ok(texts::ALL_EXIST.with([name(all)]));
    }
    Verdict::failed(what.with([name(names.join(", "))]), texts::CORRECT_NAME)
}
