//! The published page, and every sample as JSON.

use std::fmt::Write as _;

use clap::ValueEnum as _;

use super::{
    Scope,
    case::{Case, Route},
    facts::Facts,
    peer::PeerName,
    sample::{Metric, Sample},
    stats::{Spread, cheapest, ratios},
};

const METHOD: &str = "\
Every proxy runs with one worker, pinned to one core; the origin and the load have cores of their own. All
proxies run side by side, and every round measures each of them once, one right after the other. Round 0 warms
up and doesn't count. Configurations: `bench/peers/`.

- **CPU µs a request**: user and system time of the proxy's processes, from the scheduler's account, divided by
  the requests that succeeded, in a closed loop of 64 connections (HTTP/2: 16 connections with 4 streams).
- **p50, p99**: at a fixed rate. A request's latency runs from the time it was due, not from when it could be sent.
- **KiB**: growth of anonymous memory by the counted idle connections, beyond the first thousand, in a fresh process.
- A cell is the median of the rounds. A ratio is the median of the *paired* ratios, ours by theirs in the same
  round, with the lowest and the highest; below 1 is in Weir's favour. The machine is noisy: read ratios, not cells.
- The gray route has 100 hosts; a request goes to the canary by header, cookie or query, or by a 20 % weight that
  sticks to the user. Over HTTP/2 it alternates query and weight on one host.
";

/// The page.
pub(crate) fn page(facts: &Facts, scope: &Scope, samples: &[Sample]) -> String {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`; the samples stand in `benchmarks.json`.\n\n",
    );
    if scope.quick {
        page.push_str("**A quick run: it shows breakage and proves nothing.**\n\n");
    }
    for route in &scope.routes {
        page.push_str(&table(scope, samples, *route));
    }
    let _infallible = write!(page, "## Method\n\n{METHOD}\n{}", machine(facts, scope, samples));
    page
}

/// Every sample, one on a line, with what they stand on.
pub(crate) fn json(facts: &Facts, scope: &Scope, samples: &[Sample]) -> serde_json::Result<String> {
    let facts = serde_json::to_string(facts)?;
    let lines: Vec<String> = samples.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let (quick, rounds, lines) = (scope.quick, scope.rounds, lines.join(",\n"));
    Ok(format!(
        "{{\"quick\": {quick}, \"rounds\": {rounds},\n\"facts\": {facts},\n\"samples\": [\n{lines}\n]}}\n"
    ))
}

fn machine(facts: &Facts, scope: &Scope, samples: &[Sample]) -> String {
    let Facts { cpu, cores, kernel, pinning, versions, commit } = facts;
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let busiest = |share: fn(&Sample) -> f64| samples.iter().map(share).fold(0.0, f64::max);
    format!(
        "## Machine\n\n- {cpu}, {cores} cores, {kernel}\n- {pinning}\n- {}\n- commit {commit}, {} rounds\n\
         - busiest while measuring: origin {:.0} %, load {:.0} % of a core\n",
        versions.join(", "),
        scope.rounds,
        busiest(|sample| sample.busy.origin) * 100.0,
        busiest(|sample| sample.busy.load) * 100.0,
    )
}

// === the table of a route ===

fn table(scope: &Scope, samples: &[Sample], route: Route) -> String {
    let of_route: Vec<&Sample> = samples.iter().filter(|sample| sample.route == route).collect();
    let measured = |name: &PeerName| of_route.iter().any(|sample| sample.proxy == *name);
    let peers: Vec<PeerName> = PeerName::value_variants().iter().copied().filter(measured).collect();
    let others: Vec<PeerName> = peers.iter().copied().filter(|name| *name != PeerName::Weir).collect();
    let compared = others.len() < peers.len() && !others.is_empty();
    let mut header: Vec<String> = vec!["work".into(), "figure".into()];
    header.extend(peers.iter().map(|name| name.title().to_owned()));
    if compared {
        header.push("by the cheapest peer".into());
        header.extend(others.iter().map(|name| format!("by {}", name.title())));
    }
    let mut text = format!("## The {} route\n\n| {} |\n|", route.name(), header.join(" | "));
    text.push_str(&"---|".repeat(header.len()));
    text.push('\n');
    for (case, metric) in rows(scope, &of_route) {
        let figures = |name: &PeerName| figures(&of_route, case, metric, *name);
        let mut cells = vec![case.about.to_owned(), metric.unit().to_owned()];
        cells.extend(peers.iter().map(|name| cell(&figures(name))));
        if compared {
            cells.extend(compare(&figures(&PeerName::Weir), &others.iter().map(figures).collect::<Vec<_>>()));
        }
        let _infallible = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push('\n');
    text
}

fn rows<'a>(scope: &'a Scope, samples: &[&Sample]) -> Vec<(&'a Case, Metric)> {
    let metrics = [Metric::Cpu, Metric::P50, Metric::P99, Metric::Memory];
    let all = scope.cases.iter().flat_map(|case| metrics.map(|metric| (*case, metric)));
    let there = |(case, metric): &(&Case, Metric)| {
        samples.iter().any(|sample| sample.case == case.name && sample.metric == *metric)
    };
    all.filter(there).collect()
}

fn figures(samples: &[&Sample], case: &Case, metric: Metric, proxy: PeerName) -> Vec<(u32, f64)> {
    let chosen =
        samples.iter().filter(|one| one.case == case.name && one.metric == metric && one.proxy == proxy);
    chosen.map(|sample| (sample.round, sample.value)).collect()
}

fn cell(figures: &[(u32, f64)]) -> String {
    let spread = Spread::of(figures.iter().map(|(_, figure)| *figure));
    spread.map_or_else(
        || "–".to_owned(),
        |Spread { median, .. }| match median {
            small if small < 100.0 => format!("{small:.1}"),
            large => format!("{large:.0}"),
        },
    )
}

/// Our figures by the cheapest peer's of each round, and by each peer's.
fn compare(ours: &[(u32, f64)], others: &[Vec<(u32, f64)>]) -> Vec<String> {
    let against = |theirs: &Vec<(u32, f64)>| match Spread::of(ratios(ours, theirs)) {
        Some(Spread { median, min, max }) => format!("{median:.2} ({min:.2}–{max:.2})"),
        None => "–".to_owned(),
    };
    [against(&cheapest(others))].into_iter().chain(others.iter().map(against)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Busy, *};

    #[test]
    fn ratios_are_paired_and_against_the_cheapest_of_each_round() {
        let ours = [(1, 10.0), (2, 10.0), (3, 30.0)];
        let others = [vec![(1, 20.0), (2, 10.0), (3, 20.0)], vec![(1, 10.0), (2, 20.0), (3, 60.0)]];
        let cells = compare(&ours, &others);
        assert_eq!(cells, ["1.00 (1.00–1.50)", "1.00 (0.50–1.50)", "0.50 (0.50–1.00)"]);
    }

    #[test]
    fn samples_are_json() -> anyhow::Result<()> {
        let scope =
            Scope { quick: true, rounds: 1, cases: Vec::new(), routes: Vec::new(), proxies: Vec::new() };
        let sample = Sample {
            route: Route::Gray,
            case: "get-1k",
            proxy: PeerName::Weir,
            round: 1,
            metric: Metric::Cpu,
            value: 1.5,
            per_second: 2.0,
            busy: Busy::default(),
            failed: 0,
            failures: String::new(),
        };
        let text = json(&Facts::default(), &scope, &[sample.clone(), sample])?;
        let read: serde_json::Value = serde_json::from_str(&text)?;
        assert_eq!(read["samples"][1]["metric"], "cpu_us_per_request");
        Ok(())
    }

    #[test]
    fn cells_are_medians() {
        assert_eq!(cell(&[(1, 1.0), (2, 3.0), (3, 2.0)]), "2.0");
        assert_eq!(cell(&[(1, 1234.5)]), "1234");
        assert_eq!(cell(&[]), "–");
    }
}
