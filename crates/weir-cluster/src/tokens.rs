//! Who a proxy is: its projected service account token, looked at by the API server.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::{
    api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use weir_fleet::{Authenticate, Denied, Identity};

/// Whom a proxy's token has to be for. The API server itself does not take such a token.
const AUDIENCE: &str = "weir";
/// Where the API server says which pod a token is bound to.
const POD: &str = "authentication.kubernetes.io/pod-name";
/// While the API server is away, a token that it found good is good for this long.
const REMEMBERED: Duration = Duration::from_mins(10);
/// The most tokens that are remembered.
const MOST: usize = 10_000;

/// Asks the API server, and remembers for when it is away.
pub(crate) struct Tokens {
    api: Api<TokenReview>,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    user: String,
    known: Mutex<HashMap<[u8; 32], (Identity, Instant)>>,
}

// === impl Tokens ===

impl Tokens {
    /// Accepts the tokens of one service account.
    pub(crate) fn new(client: Client, namespace: &str, account: &str) -> Self {
        let user = format!("system:serviceaccount:{namespace}:{account}");
        Self { api: Api::all(client), user, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Identity, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, token: [u8; 32], identity: &Identity) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.retain(|_, (_, since)| since.elapsed() < REMEMBERED);
        }
        if known.len() < MOST {
            known.insert(token, (identity.clone(), Instant::now()));
        }
    }

    fn recall(&self, token: &[u8; 32]) -> Option<Identity> {
        let known = self.known();
        known
            .get(token)
            .filter(|(_, since)| since.elapsed() < REMEMBERED)
            .map(|(identity, _)| identity.clone())
    }
}

#[tonic::async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, token: &str) -> Result<Identity, Denied> {
        let fingerprint: [u8; 32] = Sha256::digest(token).into();
        let spec = TokenReviewSpec { audiences: Some(vec![AUDIENCE.into()]), token: Some(token.to_owned()) };
        let review = TokenReview { metadata: ObjectMeta::default(), spec, status: None };
        match self.api.create(&PostParams::default(), &review).await {
            Ok(review) => {
                let identity = judge(review.status.unwrap_or_default(), &self.user)?;
                self.remember(fingerprint, &identity);
                Ok(identity)
            }
            Err(error) => self.recall(&fingerprint).ok_or_else(|| Denied::Unavailable(error.to_string())),
        }
    }
}

/// What a review means.
fn judge(status: TokenReviewStatus, expected: &str) -> Result<Identity, Denied> {
    if status.authenticated != Some(true) {
        let why = status.error.unwrap_or_else(|| "the API server does not know it".into());
        return Err(Denied::Refused(why));
    }
    if !status.audiences.unwrap_or_default().iter().any(|audience| audience == AUDIENCE) {
        return Err(Denied::Refused(format!("it is not for the audience {AUDIENCE}")));
    }
    let user = status.user.unwrap_or_default();
    let name = user.username.unwrap_or_default();
    if name != expected {
        return Err(Denied::Refused(format!("it belongs to {name}, and proxies are {expected}")));
    }
    let pod = user.extra.and_then(|mut extra| extra.remove(POD)).and_then(|names| names.into_iter().next());
    Ok(Identity { pod })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::authentication::v1::UserInfo;

    use super::*;

    const USER: &str = "system:serviceaccount:weir-system:weir-proxy";

    fn status(authenticated: bool, audience: &str, user: &str) -> TokenReviewStatus {
        let extra = [(POD.to_owned(), vec!["weir-proxy-1".to_owned()])].into();
        TokenReviewStatus {
            authenticated: Some(authenticated),
            audiences: Some(vec![audience.into()]),
            user: Some(UserInfo { username: Some(user.into()), extra: Some(extra), ..UserInfo::default() }),
            error: None,
        }
    }

    #[test]
    fn a_token_of_a_proxy_for_weir_is_good() {
        let identity = judge(status(true, AUDIENCE, USER), USER);
        assert_eq!(identity, Ok(Identity { pod: Some("weir-proxy-1".into()) }));
    }

    #[test]
    fn other_tokens_are_not() {
        for bad in [
            status(false, AUDIENCE, USER),
            status(true, "https://kubernetes.default.svc", USER),
            status(true, AUDIENCE, "system:serviceaccount:shop:weir-proxy"),
            TokenReviewStatus::default(),
        ] {
            assert!(matches!(judge(bad, USER), Err(Denied::Refused(_))));
        }
    }
}
