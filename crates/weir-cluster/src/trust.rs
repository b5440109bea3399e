//! Tells the API server which authority the webhook's certificate comes from.

use std::time::Duration;

use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{ValidatingWebhook, ValidatingWebhookConfiguration},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Somebody may have installed the configuration anew.
const LOOK: Duration = Duration::from_mins(1);

/// Keeps the bundle of the webhook configuration current for as long as it runs.
pub(crate) async fn keep(client: Client, name: &str, mut bundle: watch::Receiver<String>) {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client);
    loop {
        let current = bundle.borrow_and_update().clone();
        // It is not known yet.
        let told = if current.is_empty() { Ok(()) } else { tell(&api, name, &current).await };
        if let Err(error) = told {
            tracing::warn!("the webhook configuration {name} cannot be kept current: {error}");
        }
        tokio::select! {
            changed = bundle.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn tell(api: &Api<ValidatingWebhookConfiguration>, name: &str, bundle: &str) -> kube::Result<()> {
    // Without one the webhook is not installed.
    let Some(configuration) = api.get_opt(name).await? else { return Ok(()) };
    let bundle = ByteString(bundle.into());
    match patch(&configuration.webhooks.unwrap_or_default(), &bundle) {
        Some(patch) => api.patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await.map(drop),
        None => Ok(()),
    }
}

/// What has to change; nothing if every webhook has this bundle.
fn patch(webhooks: &[ValidatingWebhook], bundle: &ByteString) -> Option<Value> {
    let stale = webhooks.iter().filter(|hook| hook.client_config.ca_bundle.as_ref() != Some(bundle));
    let entries: Vec<Value> =
        stale.map(|hook| json!({ "name": hook.name, "clientConfig": { "caBundle": bundle } })).collect();
    (!entries.is_empty()).then(|| json!({ "webhooks": entries }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stale_webhooks_are_patched() {
        let bundle = ByteString(b"new".to_vec());
        let hook = |name: &str, bundle: Option<&[u8]>| {
            let mut hook = ValidatingWebhook { name: name.into(), ..ValidatingWebhook::default() };
            hook.client_config.ca_bundle = bundle.map(|bytes| ByteString(bytes.to_vec()));
            hook
        };
        let hooks = [hook("a", None), hook("b", Some(b"new")), hook("c", Some(b"old"))];
        let patched = patch(&hooks, &bundle).unwrap();
        let names: Vec<_> =
            patched["webhooks"].as_array().unwrap().iter().map(|hook| hook["name"].clone()).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(patch(&hooks[1..2], &bundle), None);
    }
}
