//! Which calls the file of rules (`RULES`) leaves out. Pure functions: the rules themselves are in `base::rules`.
//!
//! Some rules look at the number: they count for the card too, and nothing is looked up. Others look at how the call ended and when it
//! was, which is known at its end, and may change after it: a missed call can have a voicemail minutes later.

use base::rules::{LeftOut, Rules};
use jiff::tz::TimeZone;
use ledger::{resolution::Resolution, timeline::Reason};
use vendors::aircall::wire::Call;

/// Why a call that has ended is left out, whoever called.
pub fn by_end(rules: &Rules, zone: &TimeZone, call: &Call) -> Option<Reason> {
    let seen = call.seen();
    rules.calls.leave_out(&seen, zone).map(|left_out| match left_out {
        LeftOut::Kind => Reason::KindNotLogged { outbound: seen.outbound, outcome: seen.outcome },
        LeftOut::Hours => Reason::OutOfHours,
    })
}

/// Whether the call is a supplier's: of a supplier, or of a contact whose company is one.
pub fn is_suppliers(resolution: &Resolution) -> bool {
    let by_opportunity = matches!(resolution.opportunity_rule, Reason::Supplier | Reason::CompanyIsSupplier);
    by_opportunity || resolution.rule == Reason::SupplierNotLogged
}

/// The decision as the rules want it for a call that has ended.
pub(crate) fn by_record(rules: &Rules, resolution: Resolution) -> Resolution {
    if !rules.calls.without_suppliers || !is_suppliers(&resolution) {
        return resolution;
    }
    // The candidates and the reason why there is no opportunity say who it was.
    Resolution { record: None, opportunity: None, rule: Reason::SupplierNotLogged, ..resolution }
}

#[cfg(test)]
mod tests {
    use base::{
        phone::Region,
        rules::{self, Outcome},
    };
    use serde_json::{Value, json};

    use super::*;

    fn rules(text: &str) -> Rules {
        rules::parse(text, Region::default()).unwrap()
    }

    #[test]
    fn a_call_is_left_out_for_its_end() {
        let rules = rules(
            "[calls]\ninbound.missed = \"nobody\"\noutbound.answered = \"nobody\"\n[calls.hours]\noutside = \"nobody\"\nmonday = [\"09:00-18:00\"]\n",
        );
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let missed = Reason::KindNotLogged { outbound: false, outcome: Outcome::Missed };
        let called = Reason::KindNotLogged { outbound: true, outcome: Outcome::Answered };
        // 2026-11-23 10:15:30 in Paris, a Monday; and twelve hours later.
        let (day, night) = (1_795_425_330, 1_795_468_530);
        for (fields, expected) in [
            (json!({ "direction": "inbound", "started_at": day }), Some(missed.clone())),
            (json!({ "direction": "inbound", "started_at": day, "answered_at": day + 5 }), None),
            (json!({ "direction": "inbound", "started_at": day, "voicemail": "https://example.com/v" }), None),
            (json!({ "started_at": day, "asset": "https://assets.aircall.io/calls/1/voicemail" }), None),
            (json!({ "direction": "outbound", "started_at": day, "answered_at": day + 5 }), Some(called)),
            (json!({ "direction": "outbound", "started_at": day }), None),
            (
                json!({ "direction": "inbound", "started_at": night, "answered_at": night + 5 }),
                Some(Reason::OutOfHours),
            ),
            (json!({ "direction": "inbound", "started_at": night }), Some(missed)),
        ] {
            let mut call = json!({ "id": 1 });
            call.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let call: Call = serde_json::from_value(call).unwrap();
            assert_eq!(by_end(&rules, &zone, &call), expected, "{fields}");
        }
    }

    #[test]
    fn a_suppliers_call_is_left_out_for_its_record() {
        let without = rules("[calls]\nsuppliers = \"nobody\"\n");
        let resolution = |opportunity_rule: Value| -> Resolution {
            let record = json!({ "kind": "company", "id": 3003, "name": "Atelier" });
            serde_json::from_value(json!({
                "source": "directory", "record": record, "rule": "", "rule_key": { "key": "only_record" },
                "opportunity": null, "opportunity_rule": "", "opportunity_rule_key": opportunity_rule, "candidates": [record],
            }))
            .unwrap()
        };
        for (why, is_left_out) in [
            (json!({ "key": "supplier" }), true),
            (json!({ "key": "company_is_supplier" }), true),
            (json!({ "key": "no_opportunity" }), false),
            (json!({ "key": "no_company" }), false),
        ] {
            let found = resolution(why);
            let decided = by_record(&without, found.clone());
            assert_eq!(decided.record.is_none(), is_left_out, "{decided:?}");
            assert_eq!(decided.rule == Reason::SupplierNotLogged, is_left_out);
            assert_eq!(is_suppliers(&decided), is_left_out, "it can be told afterwards");
            assert_eq!(by_record(&Rules::default(), found.clone()), found);
        }
    }
}
