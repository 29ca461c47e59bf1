//! After a restore: items of the table that DynamoDB made are copied back into the one that the functions use.

use super::credentials::{Credentials, Holder};
use super::tokens::Tokens;
use super::{Item, StoreError, Table, WRITTEN_AT_ONCE, failed, number, read};
use crate::account::AccountName;
use crate::clock::UnixTime;
use std::collections::HashMap;

const DOING: &str = "copy a restored table back";
/// Items that are read in one call.
const PAGE: i32 = 100;
/// So far above all that was is the version of every account that nothing of before has one that comes again.
const RAISE: u64 = 1_000_000;

impl Table {
    /// Writes all items of a restored table over those that are here; what is here alone stays. How many they were.
    pub async fn copy_back(&self, restored: &Self) -> Result<usize, StoreError> {
        let (mut copied, mut from) = (0, None);
        loop {
            let (items, next) = restored.page(from).await?;
            copied += items.len();
            self.write_all(items).await?;
            match next {
                Some(_) => from = next,
                None => return Ok(copied),
            }
        }
    }

    async fn write_all(&self, items: Vec<Item>) -> Result<(), StoreError> {
        for chunk in items.chunks(WRITTEN_AT_ONCE) {
            self.write_batch(chunk.to_vec(), DOING).await?;
        }
        Ok(())
    }

    async fn page(&self, from: Option<Item>) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let call = self.client.scan().table_name(&self.name).limit(PAGE).consistent_read(true);
        let answer = call.set_exclusive_start_key(from).send().await.map_err(failed(DOING))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

impl Credentials {
    /// The same, with every version above the one that was restored, the one that is here, and, where that is lost, the one
    /// that an earlier restore gave: no link, session or device of before is good any more, whichever side it is of.
    pub async fn copy_back(&self, restored: &Table, now: UnixTime) -> Result<usize, StoreError> {
        let (mut copied, mut from) = (0, None);
        loop {
            let (mut items, next) = restored.page(from).await?;
            let holders = items.iter().cloned().map(read).collect::<Result<Vec<Holder>, _>>()?;
            let accounts: Vec<_> = holders.iter().map(|holder| holder.account.clone()).collect();
            let here: HashMap<AccountName, u64> = if accounts.is_empty() {
                HashMap::new()
            } else {
                let here = self.holders(&accounts).await?.into_iter();
                here.map(|holder| (holder.account, holder.standing.version)).collect()
            };
            for (item, holder) in items.iter_mut().zip(holders) {
                let here = here.get(&holder.account).copied().unwrap_or_default();
                // No account changes once a second, so that time is above what a restore of earlier began with.
                let above = holder.standing.version.max(here).max(now.0.unsigned_abs());
                item.insert("version".into(), number(above + RAISE));
            }
            copied += items.len();
            self.0.write_all(items).await?;
            match next {
                Some(_) => from = next,
                None => return Ok(copied),
            }
        }
    }
}

impl Tokens {
    /// Ends every link, used or not. How many there were.
    pub async fn clear(&self) -> Result<usize, StoreError> {
        let mut ended = 0;
        loop {
            let (items, next) = self.0.page(None).await?;
            for mut item in items {
                let key = item.remove("token_hash").map(|hash| ("token_hash".to_owned(), hash));
                let delete =
                    self.0.client.delete_item().table_name(&self.0.name).set_key(Some(key.into_iter().collect()));
                delete.send().await.map_err(failed("end a link"))?;
                ended += 1;
            }
            if next.is_none() {
                return Ok(ended);
            }
        }
    }
}
