fn main() {
    let n: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(100);
    let f = std::env::args().nth(2).unwrap_or_default();
    for s in weir_sim::bars::Scenario::all().into_iter().filter(|s| s.name.contains(&f)) {
        let t = std::time::Instant::now();
        let e: Vec<_> = (0..n.min(s.runs)).map(|x| s.run(x)).collect();
        let el = t.elapsed();
        for r in s.rows(&e) {
            println!(
                "{:35} {:38} {:5.1}% held {:5.1}% {:?} {:?} {}",
                r.scenario,
                r.rule,
                r.aborted * 100.0,
                r.held * 100.0,
                r.median_seconds,
                r.bar,
                r.met
            );
        }
        println!("{el:?}");
    }
}
