//! One record, read from Sellsy as it is now.

use base::{db::Database, error::Result, ids::Kind, phone::Regions};
use broker::event::RecordHint;
use vendors::sellsy::Sellsy;

use super::store;
use crate::record::{self, Listed};

/// Reads a record again, and stores it or removes it.
pub(crate) async fn refresh(
    sellsy: &Sellsy,
    regions: &Regions,
    database: &Database,
    hint: &RecordHint,
) -> Result<Vec<Listed>> {
    let listed = match hint.kind {
        Kind::Individual => sellsy.individual(hint.id).await?.map(|i| record::from_individual(&i, regions)),
        Kind::Company => sellsy.company(hint.id).await?.map(|c| record::from_company(&c, regions)),
        Kind::Contact => sellsy.contact(hint.id).await?.map(|c| record::from_contact(&c, regions)),
    };
    let listed = Vec::from_iter(listed);
    let mut client = database.client().await?;
    if listed.is_empty() {
        store::remove(&client, hint).await?;
    } else {
        let transaction = client.transaction().await?;
        store::put(&transaction, &listed).await?;
        transaction.commit().await?;
    }
    Ok(listed)
}
