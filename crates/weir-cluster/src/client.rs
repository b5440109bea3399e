//! The connection to the API server.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Client, Config, Resource, ResourceExt as _, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};

/// A watch is ended by the server after this time, and taken up where it ended.
pub(crate) const WATCH: u32 = 25;
/// After this time without a byte a connection is given up: a server that has gone without a word is noticed.
const SILENCE: Duration = Duration::from_secs(40);
const CONNECT: Duration = Duration::from_secs(5);

/// From inside a pod, or with a kubeconfig.
///
/// # Errors
/// When neither is there, or says nothing that can be used.
pub(crate) async fn client() -> anyhow::Result<Client> {
    let mut config = Config::infer().await?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    Ok(Client::try_from(config)?)
}

/// Makes an object, or replaces the very version of it that was read. Returns false if somebody else has
/// written meanwhile.
pub(crate) async fn write<K>(api: &Api<K>, object: &K) -> kube::Result<bool>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let params = PostParams::default();
    let written = match object.resource_version() {
        Some(_) => api.replace(&object.name_any(), &params, object).await,
        None => api.create(&params, object).await,
    };
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a ConfigMap say one thing, if it says something else. Who is quicker is left his way.
pub(crate) async fn save(api: &Api<ConfigMap>, name: &str, key: &str, text: &str) -> kube::Result<()> {
    let stored = api.get_opt(name).await?;
    let data = Some(BTreeMap::from([(key.to_owned(), text.to_owned())]));
    if stored.as_ref().is_some_and(|stored| stored.data == data) {
        return Ok(());
    }
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let new = || ConfigMap { metadata, ..ConfigMap::default() };
    let map = ConfigMap { data, ..stored.unwrap_or_else(new) };
    write(api, &map).await.map(drop)
}
