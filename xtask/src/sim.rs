//! `cargo xtask sim --bars`: what share of healthy releases is given up, and how soon bad ones are, for Weir and
//! for the rules of other tools on the same requests.

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use anyhow::Context as _;
use weir_sim::bars::{Row, Scenario, WEIR};
use weir_sim::trial::Ending;

use crate::out;

/// Releases that one thread runs before it looks for others.
const BATCH: u64 = 25;

/// Arguments of the verb.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run releases by the thousand and print what became of them; there is nothing else yet
    #[arg(long)]
    bars: bool,
    /// Write the table as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// So many releases of each kind, instead of 200 to 1000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
}

/// Releases of one scenario with consecutive seeds.
struct Batch {
    scenario: usize,
    first: u64,
    end: u64,
}

/// How a release ended for Weir, and for each of the others.
type Endings = (Ending, [Ending; 4]);

/// Runs the verb.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(args.bars, "say what to simulate: cargo xtask sim --bars");
    let began = Instant::now();
    let scenarios = Scenario::all();
    let rows = simulate(&scenarios, args.seeds);
    print(&rows);
    out::note(format_args!("{:.0} s", began.elapsed().as_secs_f64()));
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&rows)? + "\n";
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    let missed = rows.iter().filter(|row| !row.met).count();
    if missed > 0 {
        out::say(format_args!("{missed} bars are missed"));
        return Ok(ExitCode::FAILURE);
    }
    out::say("every bar is met");
    Ok(ExitCode::SUCCESS)
}

fn simulate(scenarios: &[Scenario], seeds: Option<u64>) -> Vec<Row> {
    let batches = batches(scenarios, seeds);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            let scenario = &scenarios[batch.scenario];
            done.extend((batch.first..batch.end).map(|seed| (batch.scenario, seed, scenario.run(seed))));
        }
        done
    };
    let mut all: Vec<(usize, u64, Endings)> = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no simulation panics")).collect()
    });
    all.sort_unstable_by_key(|(scenario, seed, _)| (*scenario, *seed));
    let rows = scenarios.iter().enumerate().flat_map(|(position, scenario)| {
        let own = all.iter().filter(|(scenario, ..)| *scenario == position);
        scenario.rows(&own.map(|(.., endings)| *endings).collect::<Vec<_>>())
    });
    rows.collect()
}

fn batches(scenarios: &[Scenario], seeds: Option<u64>) -> Vec<Batch> {
    let of = |(scenario, one): (usize, &Scenario)| {
        let runs = seeds.unwrap_or(one.runs);
        let batch = move |first| Batch { scenario, first, end: (first + BATCH).min(runs) };
        (0..runs).step_by(usize::try_from(BATCH).unwrap_or(1)).map(batch).collect::<Vec<_>>()
    };
    scenarios.iter().enumerate().flat_map(of).collect()
}

fn print(rows: &[Row]) {
    let line = |cells: [&str; 7]| {
        let [scenario, rule, runs, aborted, held, median, bar] = cells;
        out::say(
            format!("{scenario:<42} {rule:<38} {runs:>5} {aborted:>9} {held:>7} {median:>8}  {bar}")
                .trim_end(),
        );
    };
    line(["scenario", "rule", "runs", "aborted", "held", "median", "bar"]);
    for row in rows {
        let scenario = if row.rule == WEIR { row.scenario } else { "" };
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let median = row.median_seconds.map_or_else(|| "-".to_owned(), |median| format!("{median} s"));
        let verdict = if row.met { "met" } else { "MISSED" };
        let bar = row.bar.as_deref().map_or(String::new(), |bar| format!("{bar}: {verdict}"));
        let runs = row.runs.to_string();
        line([scenario, row.rule, &runs, &percent(row.aborted), &percent(row.held), &median, &bar]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_is_run_once() {
        let scenarios = Scenario::all();
        let batches = batches(&scenarios, Some(60));
        assert_eq!(batches.len(), 3 * scenarios.len());
        assert_eq!(
            batches.iter().map(|batch| batch.end - batch.first).sum::<u64>(),
            60 * scenarios.len() as u64
        );
    }
}
