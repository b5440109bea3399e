//! The process keeper, with a stand-in for the program.

use std::{path::Path, time::Duration};

use weir_testkit::{Origin, WeirProcess};

/// A program that prints the addresses that `weir` would print, and waits.
fn stand_in(origin: &Origin) -> String {
    let addr = origin.addr();
    format!("echo listening http={addr} >&2; echo listening admin={addr} >&2; exec sleep 60")
}

#[tokio::test]
async fn waits_for_readiness_and_reads_addresses() -> anyhow::Result<()> {
    let origin = Origin::start("admin").await;
    let mut process = WeirProcess::spawn(Path::new("/bin/sh"), &["-c", &stand_in(&origin)])?;
    process.ready().await?;
    assert_eq!((process.http(), process.admin()), (origin.addr(), origin.addr()));
    assert_eq!(process.listening("https"), None);
    assert_eq!(origin.requests()[0].target, "/readyz");
    process.terminate()?;
    let status = process.ended(Duration::from_secs(5)).await?;
    assert!(!status.success());
    Ok(())
}

#[tokio::test]
async fn an_early_end_is_told_with_the_log() -> anyhow::Result<()> {
    let mut process = WeirProcess::spawn(Path::new("/bin/sh"), &["-c", "echo no such flag >&2; exit 2"])?;
    let error = process.ready().await.unwrap_err().to_string();
    assert!(error.contains("no such flag"), "{error}");
    Ok(())
}
