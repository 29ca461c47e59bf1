//! Devices: the browsers that an account knows.

use crate::table::{Item, StoreError, Table, from_item, n, s, store_error, to_item};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem};
use guichet_domain::account::AccountName;
use guichet_domain::device::{Device, MAX_AGE};
use guichet_domain::secret::DeviceKeyHash;
use guichet_platform::env::ConfigError;

pub struct Devices(pub Table);

impl Devices {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "DEVICES_TABLE").map(Self)
    }

    /// The device with this cookie. The caller checks whether it is still known.
    pub async fn find(&self, account: &AccountName, hash: &DeviceKeyHash) -> Result<Option<Device>, StoreError> {
        let Table { client, name } = &self.0;
        let output = client.get_item().table_name(name).set_key(Some(key(account, hash))).send().await;
        output.map_err(store_error("read a device"))?.item.map(from_item).transpose()
    }

    /// Transaction item: adds or renews a known device.
    pub(crate) fn put(&self, device: &Device) -> Result<TransactWriteItem, StoreError> {
        let mut item = to_item(device)?;
        item.insert("ttl".into(), n((device.issued_at + MAX_AGE).0));
        let put = Put::builder().table_name(&self.0.name).set_item(Some(item)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(store_error("put a device"))?).build())
    }
}

/// For a consistent batch read: the item of a device.
pub(crate) fn keys(account: &AccountName, hash: &DeviceKeyHash) -> Result<KeysAndAttributes, StoreError> {
    KeysAndAttributes::builder()
        .keys(key(account, hash))
        .consistent_read(true)
        .build()
        .map_err(store_error("read a device"))
}

fn key(account: &AccountName, hash: &DeviceKeyHash) -> Item {
    [("account".to_owned(), s(account.as_str())), ("cookie_hash".to_owned(), s(hash.as_str()))].into()
}
