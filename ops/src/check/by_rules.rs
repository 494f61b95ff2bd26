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

use super::{Finding, Verdict, look, rules};

const CURE: &str = "correct the name in the file of rules (RULES), or in the account";

pub(super) fn of_settings(settings: &Settings) -> Finding {
    let verdict = match &settings.rules_file {
        None => Verdict::ok("RULES is not set: everything is as the help page says"),
        Some(file) => {
            let known = std::iter::once(settings.regions.first()).chain(settings.regions.others().iter().copied());
            let known: HashSet<_> = known.collect();
            match settings.rules.lines.regions().find(|region| !known.contains(region)) {
                Some(region) => Verdict::warning(
                    format!("a line's callers dial in {region}, which DEFAULT_REGION does not name"),
                    format!(
                        "add {region} to DEFAULT_REGION, or their numbers are not found where people have typed them as dialled there"
                    ),
                ),
                None => Verdict::ok(format!("{}: no mistake", file.display())),
            }
        }
    };
    verdict.about("rules")
}

pub(super) async fn of_sellsy(sellsy: &Sellsy, settings: &Settings, credential: &str) -> Vec<Finding> {
    let rules = &settings.rules;
    let mut findings = Vec::new();
    if !rules.tags.topics().is_empty() {
        findings.push(look("rules: topics", topics(sellsy, rules, credential)).await);
    }
    let labels: Vec<&str> = rules.task_labels().collect();
    if !labels.is_empty() {
        findings.push(look("rules: labels of tasks", task_labels(sellsy, &labels, credential)).await);
    }
    if rules.tags.acts().any(|acts| acts.step.is_some()) {
        findings.push(look("rules: steps", steps(sellsy, rules, credential)).await);
    }
    if rules.staffs().next().is_some() {
        findings.push(look("rules: agents", agents(sellsy, rules, credential)).await);
    }
    findings
}

async fn topics(sellsy: &Sellsy, rules: &Rules, credential: &str) -> Verdict {
    let labels = match sellsy.topics().await {
        Ok(labels) => labels,
        Err(e) => return rules::api(&e, "SELLSY_API_URL", credential),
    };
    let known: HashSet<String> = labels.iter().filter_map(|label| label.label.as_deref()).map(folded).collect();
    let topics = rules.tags.topics();
    missing(topics.iter().copied().filter(|topic| !known.contains(&folded(topic))), "Sellsy has no topic", topics.len())
}

async fn task_labels(sellsy: &Sellsy, named: &[&str], credential: &str) -> Verdict {
    let labels = match sellsy.task_labels().await {
        Ok(labels) => labels,
        Err(e) => return rules::api(&e, "SELLSY_API_URL", credential),
    };
    let active = labels.iter().filter(|label| label.is_active != Some(false));
    let known: HashSet<String> = active.filter_map(|label| label.name.as_deref()).map(folded).collect();
    let unknown = named.iter().copied().filter(|label| !known.contains(&folded(label)));
    missing(unknown, "Sellsy has no active label of tasks", named.len())
}

/// Each has to mean one step: two pipelines can have steps of the same name.
async fn steps(sellsy: &Sellsy, rules: &Rules, credential: &str) -> Verdict {
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
        return missing(unknown.iter().map(String::as_str), "Sellsy has no step", all.len());
    }
    match all.iter().find(|step| such(step) > 1) {
        Some(step) => {
            let says = format!("Sellsy has several steps “{}”", shown(step));
            let named = known.iter().filter(|known| step.is(known.id, known.name.as_deref()));
            let ids: Vec<String> = named.map(|known| known.id.to_string()).collect();
            Verdict::failed(
                says,
                format!("write the id of one of them in the file of rules (RULES): {}", ids.join(", ")),
            )
        }
        None => Verdict::ok(format!("all {} exist", all.len())),
    }
}

async fn agents(sellsy: &Sellsy, rules: &Rules, credential: &str) -> Verdict {
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
        return Verdict::ok(format!("all {all} are active staff members"));
    }
    let says = format!("{} of {all} are no active staff members of Sellsy", all - there);
    Verdict::failed(
        says,
        "correct their e-mails or ids in [agents], [missed] and [unknown] of the file of rules (RULES)",
    )
}

pub(super) async fn of_aircall(aircall: &Aircall, settings: &Settings, credential: &str) -> Vec<Finding> {
    let rules = &settings.rules;
    let mut findings = Vec::new();
    if rules.tags_named().next().is_some() {
        findings.push(look("rules: tags", tags(aircall, rules, credential)).await);
    }
    if rules.lines_missing_from(&[]) > 0 {
        findings.push(look("rules: lines", lines(aircall, rules, credential)).await);
    }
    findings
}

async fn tags(aircall: &Aircall, rules: &Rules, credential: &str) -> Verdict {
    let tags = match aircall.tags().await {
        Ok(tags) => tags,
        Err(e) => return rules::api(&e, "AIRCALL_API_URL", credential),
    };
    let known: HashSet<String> = tags.iter().filter_map(|tag| tag.name.as_deref()).map(folded).collect();
    let count = rules.tags_named().count();
    let verdict = missing(rules.tags_named().filter(|tag| !known.contains(&folded(tag))), "Aircall has no tag", count);
    // Calls of before may still have it.
    Verdict { state: if verdict.cure.is_some() { super::State::Warning } else { verdict.state }, ..verdict }
}

async fn lines(aircall: &Aircall, rules: &Rules, credential: &str) -> Verdict {
    let numbers = match aircall.numbers().await {
        Ok(numbers) => numbers,
        Err(e) => return rules::api(&e, "AIRCALL_API_URL", credential),
    };
    let calls: Vec<Call> = numbers.into_iter().map(|number| Call { number: Some(number), ..Call::default() }).collect();
    let lines: Vec<_> = calls.iter().map(Call::line).collect();
    match rules.lines_missing_from(&lines) {
        0 => Verdict::ok("Aircall has all of them"),
        n => Verdict::failed(format!("Aircall has no line for {n} of those in the file"), CURE),
    }
}

fn missing<'a>(names: impl Iterator<Item = &'a str>, what: &str, all: usize) -> Verdict {
    let names: Vec<String> = names.map(|name| format!("“{name}”")).collect();
    if names.is_empty() {
        return Verdict::ok(format!("all {all} exist"));
    }
    Verdict::failed(format!("{what} {}", names.join(", ")), CURE)
}
