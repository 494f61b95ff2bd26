//! Invented calls and their events, written as lines and turned into the webhooks that Aircall would send.

use anyhow::{Context, Result, bail};
use harness::build::{AGENT, NUMBER, STARTED_AT, Webhook, webhook};
use serde_json::{Value, json};

use crate::CLIENT;

pub(super) struct History {
    /// A line is the second after the start, the event, and its content.
    script: &'static str,
    /// What the final log contains, and what it must not contain any more.
    pub(super) says: &'static [&'static str],
    pub(super) silent: &'static [&'static str],
}

/// In each second, the ledger can know which event was the last.
pub(super) const KNOWABLE: &[History] = &[
    History {
        script: "0 created, 6 answered, 127 hungup, 129 tagged VIP, 129 tagged Devis, 129 commented Rappeler, 129 untagged VIP,
                 129 commented Avant midi, 155 ended, 190 comm_assets_generated recording, 1900 archived",
        says: &["Tags : Devis", "Rappeler", "Avant midi", "/recording"],
        silent: &["VIP"],
    },
    History {
        script: "0 created, 40 hungup, 70 ended, 70 voicemail_left voicemail, 70 tagged Callback Request, 71 commented Vu",
        says: &["message vocal laissé", "/voicemail", "Tags : Callback Request", "Vu"],
        silent: &[],
    },
    // A tag is replaced within one second, another one later.
    History {
        script: "0 created, 3 tagged Devis, 9 answered, 95 hungup, 125 ended, 125 tagged VIP, 125 untagged Devis,
                 130 tagged Devis, 131 untagged VIP",
        says: &["Tags : Devis"],
        silent: &["VIP"],
    },
    // All in the second in which the call ends; then a tag set by mistake.
    History {
        script: "0 created, 0 answered, 30 external_transferred +33199009900, 31 external_transferred +33199009901,
                 61 hungup, 61 tagged VIP, 61 comm_assets_generated recording, 61 commented Rappeler,
                 61 ended, 80 tagged Devis, 80 untagged Devis",
        says: &["Tags : VIP", "/recording", "Rappeler", "vers l’extérieur : +33199009901"],
        silent: &["Devis"],
    },
    // An old body comes again with a new time, and an event that knows less.
    History {
        script: "0 created, 6 answered, 100 hungup, 101 transferred, 105 comm_assets_generated recording, 130 ended, 140 tagged VIP,
                 150 tagged Devis, 160 commented Rappeler, 170 untagged Devis, 300 stale, 310 stale",
        says: &["Tags : VIP", "Rappeler", "/recording", "Transfert : Hugo Lefèvre →"],
        silent: &["Devis"],
    },
    // The summary is corrected twice; the other insights are kept side by side.
    History {
        script: "0 created, 6 answered, 400 hungup, 430 ended, 440 summary Un devis., 441 topics devis, 445 summary Deux devis.,
                 445 action_item 9, 446 sentiment NEGATIVE, 447 action_item 10, 450 sentiment NEUTRAL, 460 summary Trois devis.,
                 460 tagged VIP, 470 custom_summary BANT, 470 custom_summary MEDDIC",
        says: &["Trois devis.", "Sujets (IA) : devis", "(IA) : neutre", "- item 9", "- item 10", "BANT (IA)", "MEDDIC (IA)", "Tags : VIP"],
        silent: &["Un devis.", "Deux devis.", "négatif"],
    },
];

/// It is unknowable here what came last, but every order has to end the same.
pub(super) const UNKNOWABLE: &[History] = &[
    History {
        script: "0 created, 5 answered, 70 hungup, 70 tagged VIP, 70 untagged VIP, 70 tagged VIP, 100 ended, 100 untagged VIP,
                 100 tagged Devis, 100 tagged VIP, 100 untagged Devis",
        says: &[],
        silent: &[],
    },
    History {
        script: "0 created, 6 answered, 400 hungup, 430 ended, 440 summary Un devis., 440 summary Deux devis., 440 topics devis,
                 440 topics prix, 440 sentiment NEUTRAL, 440 sentiment POSITIVE, 440 action_item 1, 440 action_item 2",
        says: &[],
        silent: &[],
    },
];

impl History {
    /// The webhooks in their true order, as Aircall sends them for this call.
    pub(super) fn webhooks(&self, call_id: i64) -> Result<Vec<Webhook>> {
        let mut call = json!({
            "id": call_id, "direction": "inbound", "status": "initial", "missed_call_reason": null, "started_at": STARTED_AT,
            "answered_at": null, "ended_at": null, "duration": 0, "voicemail": null, "recording": null, "asset": null,
            "raw_digits": CLIENT, "number": { "id": NUMBER, "name": "Accueil Paris", "digits": "+33 1 99 00 10 01" },
            "archived": false, "teams": [], "comments": [], "tags": [],
        });
        // The call at its hang-up, which `stale` sends once more.
        let mut early = call.clone();
        let lines = self.script.split(',').map(|line| line.trim().splitn(3, ' ').collect::<Vec<_>>());
        let events = lines.map(|line| {
            let (second, what, about) = (line[0], line[1], line.get(2).copied().unwrap_or_default());
            let now = STARTED_AT + second.parse::<i64>()?;
            let (event, data) = match insight(call_id, what, about) {
                Some(insight) => insight,
                None if what == "stale" => ("call.ended".into(), early.clone()),
                None => {
                    happen(&mut call, what, about, now)?;
                    if what == "hungup" {
                        early = call.clone();
                    }
                    let mut sent = call.clone();
                    if what == "external_transferred" {
                        // Only this event carries it.
                        sent["external_transferred_to"] = json!(about);
                    }
                    (format!("call.{what}"), sent)
                }
            };
            Ok(webhook(&event, data).at(now))
        });
        events.collect()
    }
}

fn happen(call: &mut Value, what: &str, about: &str, now: i64) -> Result<()> {
    let agent = json!({ "id": AGENT, "name": "Élodie Marchand", "email": "elodie.marchand@callbridge.example" });
    match what {
        "answered" => {
            call["answered_at"] = json!(now);
            call["status"] = json!("answered");
            call["user"] = agent;
        }
        "hungup" => {
            call["ended_at"] = json!(now);
            call["status"] = json!("done");
            call["duration"] = json!(now - STARTED_AT);
        }
        "voicemail_left" | "comm_assets_generated" => {
            call[about] = json!(format!("https://recordings.example/{}.mp3?signed={now}", call["id"]));
            call["asset"] = json!(format!("https://assets.example/calls/{}/{about}", call["id"]));
        }
        "tagged" => {
            let tag = json!({ "id": about.len(), "name": about, "tagged_by": agent, "tagged_at": now });
            call["tags"].as_array_mut().context("tags")?.push(tag);
        }
        "untagged" => call["tags"].as_array_mut().context("tags")?.retain(|tag| tag["name"] != about),
        "commented" => {
            let notes = call["comments"].as_array_mut().context("comments")?;
            notes.push(json!({ "id": notes.len() + 1, "content": about, "posted_by": agent, "posted_at": now }));
        }
        "archived" => call["archived"] = json!(true),
        "transferred" => call["transferred_by"] = json!({ "id": 502, "name": "Hugo Lefèvre" }),
        "created" | "ended" | "external_transferred" => {}
        what => bail!("what is {what}?"),
    }
    Ok(())
}

fn insight(call_id: i64, what: &str, about: &str) -> Option<(String, Value)> {
    let mut data = match what {
        "summary" => json!({ "id": "81330225", "content": about }),
        "topics" => json!({ "id": 786, "content": [about] }),
        "sentiment" => json!({ "id": call_id, "participants": [{ "participant_type": "external", "value": about }] }),
        "action_item" => {
            json!({ "id": about.parse::<i64>().ok(), "content": format!("item {about}"), "ai_generated": true })
        }
        "custom_summary" => {
            json!({ "id": 999, "custom_summary": { "name": about }, "summary_template_results": [{ "name": "Budget", "content": "5 k" }] })
        }
        _ => return None,
    };
    data["call_id"] = json!(call_id.to_string());
    let event =
        if what == "custom_summary" { "custom_summary.result_created".into() } else { format!("{what}.created") };
    Some((event, data))
}
