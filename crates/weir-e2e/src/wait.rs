//! Waiting for what others bring about.

use std::{fmt::Display, time::Duration};

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep, timeout};
use weir_testkit::{client, wire::Response};

use crate::Via;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// How long one look may take.
const ANSWER: Duration = Duration::from_secs(3);

/// Looks until something is so, and tells how long that took. A look that fails says that it isn't so yet, and
/// is told if it is the last.
///
/// # Errors
/// When `limit` passes first.
pub async fn until<F, L>(what: impl Display, limit: Duration, mut look: F) -> anyhow::Result<Duration>
where
    F: FnMut() -> L,
    L: Future<Output = anyhow::Result<bool>>,
{
    let started = Instant::now();
    loop {
        let seen = look().await;
        if matches!(seen, Ok(true)) {
            return Ok(started.elapsed());
        }
        if started.elapsed() > limit {
            return match seen {
                Err(error) => Err(error.context(format!("{what}: not so after {limit:?}"))),
                Ok(_) => bail!("{what}: not so after {limit:?}"),
            };
        }
        sleep(LOOK).await;
    }
}

/// Asks for a path of a host, on a connection of its own.
///
/// # Errors
/// When there is no response.
pub async fn ask(via: &Via, host: &str, path: &str) -> anyhow::Result<Response> {
    ask_with(via, host, path, &[]).await
}

/// The same with header fields.
///
/// # Errors
/// When there is no response.
pub async fn ask_with(
    via: &Via,
    host: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> anyhow::Result<Response> {
    let asked = timeout(ANSWER, client::get(via.http, host, path, fields));
    asked.await.context("no response in time")?.with_context(|| format!("asking {}", via.name))
}
