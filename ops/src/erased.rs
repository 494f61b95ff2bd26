//! A call whose data were deleted: when that was, and what stays of it.

use base::{db::Client, error::Result, ids::CallId};
use jiff::tz::TimeZone;
use ledger::{
    erase::{self, Remains},
    timeline::SellsyLog,
};

use crate::at;

/// `None` if it is not erased.
pub(crate) async fn find(client: &Client, call: CallId) -> Result<Option<Remains>> {
    Ok(erase::remains(client, &[call.0]).await?.into_iter().next())
}

/// The lines about it.
pub(crate) fn story(remains: &Remains, zone: &TimeZone) -> String {
    let log = match remains.log {
        Some(SellsyLog::PhoneCall(id)) => {
            format!(", and that of its log in Sellsy, phone call {id}, which is not deleted")
        }
        Some(SellsyLog::Comment(id)) => format!(", and that of its log in Sellsy, comment {id}, which is not deleted"),
        None => String::new(),
    };
    format!(
        "call         {}\nerased       {}: it was older than RETENTION_DAYS, or somebody asked for it\n\
         what stays   its id{log}; so it is not logged again\n",
        remains.call_id,
        at(zone, remains.erased_at),
    )
}

/// The same for programs.
pub(crate) fn json(remains: &Remains) -> serde_json::Value {
    serde_json::json!({ "call_id": remains.call_id, "erased_at": remains.erased_at, "log": remains.log })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_and_what_stays() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let mut remains = Remains {
            call_id: CallId(7),
            erased_at: "2026-11-23T09:15:30Z".parse().unwrap(),
            log: Some(SellsyLog::PhoneCall(9)),
        };
        let expected = "\
call         7
erased       2026-11-23 10:15:30 Europe/Paris: it was older than RETENTION_DAYS, or somebody asked for it
what stays   its id, and that of its log in Sellsy, phone call 9, which is not deleted; so it is not logged again
";
        assert_eq!(story(&remains, &zone), expected);
        remains.log = None;
        assert!(story(&remains, &zone).ends_with("what stays   its id; so it is not logged again\n"));
    }
}
