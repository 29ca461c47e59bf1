//! Devices: the browsers that an account knows.

use super::{Item, StoreError, Table, failed, number, read, text, write};
use crate::account::AccountName;
use crate::config::ConfigError;
use crate::device::{Device, LIFETIME};
use crate::secret::DeviceKeyHash;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem};

/// The Devices table.
pub struct Devices(pub Table);

impl Devices {
    /// That which `DEVICES_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "DEVICES_TABLE").map(Self)
    }

    /// The device of an account with this cookie, if there is one; whether it is still known is another question.
    pub async fn find(&self, account: &AccountName, hash: &DeviceKeyHash) -> Result<Option<Device>, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client.get_item().table_name(name).set_key(Some(key(account, hash))).send().await;
        answer.map_err(failed("read a device"))?.item.map(read).transpose()
    }

    /// In a transaction: makes a device known, or known anew.
    pub(super) fn put(&self, device: &Device) -> Result<TransactWriteItem, StoreError> {
        let mut item = write(device)?;
        item.insert("ttl".into(), number((device.issued_at + LIFETIME).0));
        let put = Put::builder().table_name(&self.0.name).set_item(Some(item)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(failed("make a device known"))?).build())
    }
}

/// For a batch: the item of a device, read consistently.
pub(super) fn keys(account: &AccountName, hash: &DeviceKeyHash) -> Result<KeysAndAttributes, StoreError> {
    KeysAndAttributes::builder().keys(key(account, hash)).consistent_read(true).build().map_err(failed("read a device"))
}

fn key(account: &AccountName, hash: &DeviceKeyHash) -> Item {
    [("account".to_owned(), text(account.as_str())), ("cookie_hash".to_owned(), text(hash.as_str()))].into()
}
