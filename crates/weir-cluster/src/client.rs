//! The connection to the API server.

use std::{fmt::Debug, time::Duration};

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
