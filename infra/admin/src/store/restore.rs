//! After a restore: copies the items of the table that DynamoDB created into the one that the functions use.

use guichet_domain::account::AccountName;
use guichet_domain::time::UnixTime;
use guichet_store::credentials::{AccountProfile, Credentials};
use guichet_store::table::{Item, from_item, n, store_error};
use guichet_store::tokens::Tokens;
use guichet_store::{MAX_BATCH_WRITE, StoreError, Table};
use std::collections::HashMap;

const CONTEXT: &str = "copy a restored table";
/// Items per page.
const PAGE: i32 = 100;
/// Added to every restored account's version so that no link, session, or device issued before the restore can match.
const VERSION_STEP: u64 = 1_000_000;

async fn page(table: &Table, from: Option<Item>) -> Result<(Vec<Item>, Option<Item>), StoreError> {
    let call = table.client.scan().table_name(&table.name).limit(PAGE).consistent_read(true);
    let output = call.set_exclusive_start_key(from).send().await.map_err(store_error(CONTEXT))?;
    Ok((output.items.unwrap_or_default(), output.last_evaluated_key))
}

async fn put_all(table: &Table, items: Vec<Item>) -> Result<(), StoreError> {
    for chunk in items.chunks(MAX_BATCH_WRITE) {
        table.write_batch(chunk.to_vec(), CONTEXT).await?;
    }
    Ok(())
}

/// Overwrites items with those of the restored table; items that exist only in `table` stay. Returns the number of
/// items copied.
pub(crate) async fn copy_table(restored: &Table, table: &Table) -> Result<usize, StoreError> {
    let (mut copied, mut from) = (0, None);
    loop {
        let (items, next) = page(restored, from).await?;
        copied += items.len();
        put_all(table, items).await?;
        match next {
            Some(_) => from = next,
            None => return Ok(copied),
        }
    }
}

/// Like [`copy_table`], with each version above the restored one, the existing one, and, if that is lost, the one that
/// an earlier restore gave.
pub(crate) async fn copy_credentials(
    restored: &Table,
    credentials: &Credentials,
    now: UnixTime,
) -> Result<usize, StoreError> {
    let (mut copied, mut from) = (0, None);
    loop {
        let (mut items, next) = page(restored, from).await?;
        let profiles = items.iter().cloned().map(from_item).collect::<Result<Vec<AccountProfile>, _>>()?;
        let accounts: Vec<_> = profiles.iter().map(|profile| profile.account.clone()).collect();
        let existing: HashMap<AccountName, u64> = if accounts.is_empty() {
            HashMap::new()
        } else {
            let existing = credentials.profiles(&accounts).await?.into_iter();
            existing.map(|profile| (profile.account, profile.status.version)).collect()
        };
        for (item, profile) in items.iter_mut().zip(profiles) {
            let existing = existing.get(&profile.account).copied().unwrap_or_default();
            // No account changes once a second, so the time is above the version that an earlier restore started from.
            let above = profile.status.version.max(existing).max(now.0.unsigned_abs());
            item.insert("version".into(), n(above + VERSION_STEP));
        }
        copied += items.len();
        put_all(&credentials.0, items).await?;
        match next {
            Some(_) => from = next,
            None => return Ok(copied),
        }
    }
}

/// Deletes every link, used or not. Returns the number of links deleted.
pub(crate) async fn delete_all_links(tokens: &Tokens) -> Result<usize, StoreError> {
    let table = &tokens.0;
    let mut deleted = 0;
    loop {
        let (items, next) = page(table, None).await?;
        for mut item in items {
            let key = item.remove("token_hash").map(|hash| ("token_hash".to_owned(), hash));
            let delete = table.client.delete_item().table_name(&table.name).set_key(Some(key.into_iter().collect()));
            delete.send().await.map_err(store_error("delete a link"))?;
            deleted += 1;
        }
        if next.is_none() {
            return Ok(deleted);
        }
    }
}
