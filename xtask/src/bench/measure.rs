//! Rounds: every case, every proxy, one right after the other.

mod clock;
mod h2load;

use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};

use super::{
    Scope,
    case::{Case, Route, Work},
    cores::pinned,
    cpu,
    load::Outcome,
    peer::{Peer, PeerName},
    sample::{Busy, Metric, Sample},
    site::{self, Site},
};
use crate::{out, run};
use clock::Clock;

/// The most seconds that h2load may take.
const LONGEST: &str = "90";
/// Connections of the closed loop.
const CONNECTIONS: usize = 64;
/// Idle connections that are there before the counted ones, so that first-time costs don't count.
const IDLE_BEFORE: usize = 1_000;

/// Measures a route: all rounds of all its cases.
pub(crate) fn route(site: &Site, scope: &Scope, route: Route) -> anyhow::Result<Vec<Sample>> {
    let names: Vec<PeerName> =
        scope.proxies.iter().copied().filter(|name| site.programs.contains_key(name)).collect();
    let peers =
        names.iter().map(|name| Peer::start(site, *name, route)).collect::<anyhow::Result<Vec<_>>>()?;
    let cases: Vec<_> = scope.cases.iter().filter(|case| case.is_for(route)).collect();
    let mut samples = Vec::new();
    for round in 0..=scope.rounds {
        out::note(format_args!("{} route, round {round} of {}", route.name(), scope.rounds));
        for case in &cases {
            for peer in &peers {
                let run = Run { site, route, case, round, quick: scope.quick || round == 0 };
                let measured =
                    run.measure(peer).with_context(|| format!("{} {}", peer.name.title(), case.name))?;
                samples.extend(measured);
            }
        }
    }
    // Round 0 warms up.
    samples.retain(|sample| sample.round > 0);
    Ok(samples)
}

/// The canary's part on the gray route: three of four requests ask for it, and a fifth of the users of the
/// rest are its own, give or take the hashes of a hundred users.
const GRAY_CANARY: std::ops::Range<f64> = 0.77..0.84;

/// One case of one round.
struct Run<'a> {
    site: &'a Site,
    route: Route,
    case: &'a Case,
    round: u32,
    quick: bool,
}

impl Run<'_> {
    fn measure(&self, peer: &Peer) -> anyhow::Result<Vec<Sample>> {
        if matches!(self.case.work, Work::Idle) {
            return self.idle(peer.name);
        }
        let before = Clock::read(self.site, peer)?;
        let outcome = match self.case.work {
            Work::Http2(length) => h2load::load(&mut self.h2_command(peer, length))?,
            work => self.load(peer, work)?,
        };
        let busy = Clock::read(self.site, peer)?;
        let used = busy.proxy.saturating_sub(before.proxy);
        let busy = busy.since(&before);
        let sample = |metric, value| self.sample(peer.name, metric, value, &outcome, busy);
        if let Work::Rate(_) = self.case.work {
            return Ok(vec![sample(Metric::P50, outcome.p50_us), sample(Metric::P99, outcome.p99_us)]);
        }
        ensure!(outcome.ok > 0, "no request succeeded: {}", outcome.failures);
        Ok(vec![sample(Metric::Cpu, used.as_secs_f64() * 1e6 / count(outcome.ok))])
    }

    fn sample(&self, proxy: PeerName, metric: Metric, value: f64, outcome: &Outcome, busy: Busy) -> Sample {
        Sample {
            route: self.route,
            case: self.case.name,
            proxy,
            round: self.round,
            metric,
            value: rounded(value),
            per_second: rounded(outcome.per_second),
            busy,
            failed: outcome.failed,
            failures: outcome.failures.clone(),
        }
    }

    fn load(&self, peer: &Peer, work: Work) -> anyhow::Result<Outcome> {
        let mut command = self.load_command(peer, work);
        let requests = self.case.count(self.quick).to_string();
        let outcome = run::output(command.args(["--requests", &requests]))?;
        let outcome: Outcome = serde_json::from_str(&outcome)?;
        self.check_canary(work, &outcome)?;
        Ok(outcome)
    }

    /// A proxy that skipped the decision would be measured as a fast one.
    fn check_canary(&self, work: Work, outcome: &Outcome) -> anyhow::Result<()> {
        let expected = match self.route {
            Route::Plain => 0.0..0.001,
            Route::Gray => GRAY_CANARY,
        };
        let counted = !matches!(work, Work::WebSocket) && outcome.ok > 0;
        let share = outcome.canary;
        ensure!(!counted || expected.contains(&share), "the canary got {share:.3} instead of {expected:?}");
        Ok(())
    }

    fn load_command(&self, peer: &Peer, work: Work) -> Command {
        let cores = &self.site.cores;
        let mut command = pinned(&cores.load, self.site.xtask());
        let addr = if let Work::Tls(_) = work { peer.https } else { peer.http };
        command.args(["load", "--addr", &addr.to_string(), "--hosts", &self.route.hosts().to_string()]);
        command.args(["--threads", &cores.load_count.to_string()]);
        command.args(["--connections", &CONNECTIONS.to_string()]);
        if self.route == Route::Gray {
            command.arg("--gray");
        }
        match work {
            Work::Get(length) => command.args(["--get", &length.to_string()]),
            Work::Post(length) => command.args(["--post", &length.to_string()]),
            Work::Tls(length) => {
                command.args(["--get", &length.to_string()]).arg("--authority").arg(self.site.authority())
            }
            Work::Rate(rate) => command.args(["--rate", &rate.to_string()]),
            Work::WebSocket => command.arg("--websocket"),
            Work::Reconnect => command.arg("--reconnect"),
            Work::Http2(_) | Work::Idle => &mut command,
        };
        command
    }

    /// 16 connections with 4 streams each: as many requests at a time as the closed loop has.
    fn h2_command(&self, peer: &Peer, length: usize) -> Command {
        let cores = &self.site.cores;
        let uri = |query: &str| format!("https://{}/bytes/{length}{query}", site::host(0));
        let mut command = pinned(&cores.load, "timeout");
        command.args([LONGEST, "h2load"]);
        command.args(["-n", &self.case.count(self.quick).to_string(), "-c", "16", "-m", "4"]);
        command.args(["-t", &cores.load_count.to_string(), "--npn-list", "h2"]);
        command.args([format!("--connect-to={}", peer.https), uri("")]);
        if self.route == Route::Gray {
            command.args([uri("?gray=always"), "--header=x-user: 7".to_owned()]);
        }
        command
    }

    /// Memory needs a fresh process: a used one hides growth in what it has freed.
    fn idle(&self, name: PeerName) -> anyhow::Result<Vec<Sample>> {
        let peer = Peer::start(self.site, name, self.route)?;
        let count = self.case.count(self.quick);
        let _before = self.hold(&peer, IDLE_BEFORE)?;
        let memory = cpu::memory(peer.pid())?;
        let _counted = self.hold(&peer, usize::try_from(count)?)?;
        let grown = cpu::memory(peer.pid())?.saturating_sub(memory);
        let value = self::count(grown) / self::count(count);
        Ok(vec![self.sample(name, Metric::Memory, value, &Outcome::default(), Busy::default())])
    }

    fn hold(&self, peer: &Peer, connections: usize) -> anyhow::Result<Held> {
        let mut command = self.load_command(peer, Work::Idle);
        command.args(["--requests", "1", "--idle", &connections.to_string()]);
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting the load")?;
        let mut held = Held(child);
        site::await_ready(&mut held.0).context("opening idle connections")?;
        Ok(held)
    }
}

/// Idle connections; dropping it closes them.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Three places are more than any of the figures is worth.
fn rounded(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}
