//! Prints what deciding, compiling and changing cost at several sizes. A measurement, not a test.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that prints its measurements"
)]

use std::{hint::black_box, net::IpAddr, sync::Arc, time::Instant};

use weir_model::{
    Assignment, BackendKey, Blueprint, Delta, ErrorRule, Filters, Host, HostName, Kind, MatchPath, ObjectRef,
    PathType, PortRef, Predicate, ReleaseMark, Rule, RuleOrigin, Split, Sticky, StickyKey, Timeouts,
};
use weir_route::{Context, Request, Table, decide};

struct Get<'a> {
    host: &'a str,
    path: &'a str,
}

impl Request for Get<'_> {
    fn method(&self) -> &[u8] {
        b"GET"
    }
    fn secure(&self) -> bool {
        false
    }
    fn host(&self) -> &str {
        self.host
    }
    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
    fn target(&self) -> &[u8] {
        self.path.as_bytes()
    }
    fn query(&self) -> Option<&[u8]> {
        None
    }
    fn header<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        let cookie = b"theme=dark; weir-cohort=0123456789abcdef; session=0123456789abcdef";
        (name == "cookie").then_some(&cookie[..]).into_iter()
    }
    fn client(&self) -> IpAddr {
        [192, 0, 2, 1].into()
    }
}

fn rule(index: usize, path: &str) -> Arc<Rule> {
    let service = format!("service-{index}");
    let backend =
        BackendKey { namespace: "default".into(), service: service.into(), port: PortRef::Number(80) };
    Arc::new(Rule {
        origin: RuleOrigin {
            object: ObjectRef::new(Kind::Ingress, "default", format!("ingress-{index}")),
            host: "".into(),
            path: path.into(),
            path_type: PathType::Prefix,
            field: "".into(),
        },
        path: MatchPath::Prefix(path.into()),
        precedence: 0,
        conditions: Predicate::default(),
        filters: Filters::default(),
        timeouts: Timeouts::default(),
        split: Split::only(backend),
    })
}

fn host(name: &str, rules: Vec<Arc<Rule>>) -> (HostName, Arc<Host>) {
    let name = HostName::parse(name).expect("a valid name");
    (name.clone(), Arc::new(Host { name, rules }))
}

fn nanoseconds(table: &Table<bool>, request: &Get<'_>) -> f64 {
    const TIMES: u32 = 200_000;
    let start = Instant::now();
    for random in 0..u64::from(TIMES) {
        black_box(decide(table, black_box(request), Context { random, https_port: None }));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}

/// Hosts spread over the whole table, one after the other: what a cold cache costs.
fn nanoseconds_spread(table: &Table<bool>, names: &[String]) -> f64 {
    let start = Instant::now();
    let mut rounds = 0u32;
    for name in names.iter().cycle().step_by(7919).take(200_000) {
        let request = Get { host: name, path: "/x" };
        black_box(decide(table, &request, Context { random: 1, https_port: None }));
        rounds += 1;
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds)
}

/// A rule under a release, by an issued cookie, beside the same rule without one.
fn release() {
    let mark = ReleaseMark {
        namespace: "default".into(),
        name: "web".into(),
        attempt: 1,
        epoch: 1,
        errors: ErrorRule::default(),
        retiring: None,
    };
    let plain = rule(0, "");
    let stable = plain.split.base().backend.clone();
    let canary = rule(1, "").split.base().backend.clone();
    let (mut split, _) = Split::versions(Arc::new(mark), stable, canary, 2_000);
    let salt = Some("default/web/1".into());
    split.assignment = Assignment::Sticky(Sticky { keys: vec![StickyKey::Issued], salt });
    let released = Arc::new(Rule { split, ..(*plain).clone() });
    let request = Get { host: "one.example.com", path: "/x" };
    println!("a rule             decide ns");
    for (name, rule) in [("plain", plain), ("of a release", released)] {
        let blueprint =
            Blueprint { hosts: [host("one.example.com", vec![rule])].into(), ..Blueprint::default() };
        let table = Table::compile(&blueprint, |_, _| true);
        println!("{name:<18} {:>9.0}", nanoseconds(&table, &request));
    }
}

fn main() {
    println!("hosts      compile ms  change ms  decide ns: first   last  spread");
    for count in [10, 1_000, 10_000, 100_000] {
        let names: Vec<String> = (0..count).map(|n| format!("host-{n}.example.com")).collect();
        let hosts = names.iter().enumerate().map(|(n, name)| host(name, vec![rule(n, "")])).collect();
        let blueprint = Blueprint { hosts, ..Blueprint::default() };
        let start = Instant::now();
        let table = Table::compile(&blueprint, |_, _| true);
        let compile = start.elapsed().as_secs_f64() * 1e3;
        let (name, changed) = host(&names[count / 2], vec![rule(0, "/new")]);
        let delta = Delta { hosts: [(name, Some(changed))].into(), ..Delta::default() };
        let start = Instant::now();
        let table = black_box(table.apply(&delta, |_, _| true));
        let change = start.elapsed().as_secs_f64() * 1e3;
        let at = |name: &String| nanoseconds(&table, &Get { host: name, path: "/x" });
        let (first, last) = (at(&names[0]), at(&names[count - 1]));
        let spread = nanoseconds_spread(&table, &names);
        println!("{count:<10} {compile:>10.2} {change:>10.3} {first:>17.0} {last:>6.0} {spread:>7.0}");
    }
    release();
    println!("paths in one host  decide ns: first   last");
    for count in [1, 100, 10_000] {
        let rules = (0..count).map(|n| rule(n, &format!("/section/{n}"))).collect();
        let blueprint = Blueprint { hosts: [host("one.example.com", rules)].into(), ..Blueprint::default() };
        let table = Table::compile(&blueprint, |_, _| true);
        let last = format!("/section/{}/x", count - 1);
        let at = |path: &str| nanoseconds(&table, &Get { host: "one.example.com", path });
        println!("{count:<18} {:>16.0} {:>6.0}", at("/section/0/x"), at(&last));
    }
}
