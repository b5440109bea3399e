//! Verbs against a server that is made up.

use std::{
    collections::VecDeque,
    net::TcpListener,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use clap::{CommandFactory as _, Parser};
use serde_json::{Value, json};
use weir_release::view::View;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    arguments: Arguments,
}

/// What a server shows, one view per look, the last one for ever; and what it was asked.
#[derive(Debug, Default)]
struct Script {
    views: VecDeque<View>,
    asked: Vec<Value>,
    refusal: Option<&'static str>,
}

type Shared = Arc<Mutex<Script>>;

fn serve(script: Script) -> (String, Shared) {
    let shared = Arc::new(Mutex::new(script));
    let router = Router::new()
        .route("/v1/releases", get(all))
        .route("/v1/releases/{namespace}/{name}", get(one))
        .route("/v1/releases/{namespace}/{name}/events", get(events))
        .route("/v1/releases/{namespace}/{name}/actions", post(act))
        .with_state(Arc::clone(&shared));
    (listen(router), shared)
}

/// Serves for as long as the test runs.
fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        runtime().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    url
}

async fn all(State(script): State<Shared>) -> Json<Value> {
    let views: Vec<View> = script.lock().unwrap().views.iter().take(1).cloned().collect();
    Json(json!({ "releases": views }))
}

async fn one(
    State(script): State<Shared>,
    Path((namespace, name)): Path<(String, String)>,
) -> (StatusCode, Json<Value>) {
    let views = &mut script.lock().unwrap().views;
    let view = if views.len() > 1 { views.pop_front() } else { views.front().cloned() };
    match view.filter(|view| view.namespace == namespace && view.name == name) {
        Some(view) => (StatusCode::OK, Json(json!(view))),
        None => (StatusCode::NOT_FOUND, Json(json!({ "error": "there is no release" }))),
    }
}

async fn events() -> Json<Value> {
    Json(json!({ "events": samples::events() }))
}

async fn act(State(script): State<Shared>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut script = script.lock().unwrap();
    script.asked.push(body);
    match script.refusal {
        None => (StatusCode::OK, Json(json!({ "result": "Applied" }))),
        Some(error) => (StatusCode::CONFLICT, Json(json!({ "result": "Refused", "error": error }))),
    }
}

fn parse(args: &[&str]) -> Result<Arguments, clap::Error> {
    Cli::try_parse_from([&["release"], args].concat()).map(|cli| cli.arguments)
}

fn weir(url: &str, args: &[&str]) -> anyhow::Result<ExitCode> {
    run(&parse(&[args, &["--server", url]].concat()).unwrap())
}

fn views(all: &[desk::Found]) -> Script {
    Script { views: all.iter().map(|found| View::clone(&found.view)).collect(), ..Script::default() }
}

#[test]
fn reading_verbs_read() {
    let (url, _) = serve(views(&[samples::baking()]));
    for args in [
        &["get", "shop/shop"][..],
        &["get", "shop", "-n", "shop", "-o", "json"],
        &["list"],
        &["list", "-n", "elsewhere"],
        &["list", "-o", "json"],
        &["describe", "shop/shop"],
        &["describe", "shop/shop", "-o", "json"],
        &["plan", "shop/shop"],
        &["plan", "shop/shop", "--rps", "10", "--errors", "1%", "-o", "json"],
        &["report", "shop/shop"],
        &["report", "shop/shop", "-o", "json"],
        &["history", "shop/shop"],
        &["history", "shop/shop", "-o", "json"],
    ] {
        assert_eq!(weir(&url, args).unwrap(), ExitCode::SUCCESS, "{args:?}");
    }
}

#[test]
fn what_is_asked_is_sent() {
    let (url, script) = serve(views(&[samples::baking()]));
    for (args, body) in [
        (&["promote", "shop/shop"][..], json!({"verb": "promote"})),
        (&["promote", "shop/shop", "--to", "all"], json!({"verb": "promote", "to": "all"})),
        (&["promote", "shop/shop", "--full"], json!({"verb": "promote", "full": true})),
        (&["approve", "shop/shop", "--if-step", "all"], json!({"verb": "approve", "step": "all"})),
        (&["reject", "shop/shop", "--reason", "odd"], json!({"verb": "reject", "reason": "odd"})),
        (&["pause", "shop/shop", "--if-attempt", "2"], json!({"verb": "pause", "attempt": 2})),
        (&["resume", "shop/shop"], json!({"verb": "resume"})),
        (
            &["abort", "shop/shop", "--reason", "orders fail"],
            json!({"verb": "abort", "reason": "orders fail"}),
        ),
        (&["retry", "shop/shop", "--from", "fifth"], json!({"verb": "retry", "from": "fifth"})),
        (&["undo", "shop/shop"], json!({"verb": "undo"})),
        (&["offline", "shop/shop"], json!({"verb": "offline"})),
    ] {
        assert_eq!(weir(&url, args).unwrap(), ExitCode::SUCCESS, "{args:?}");
        assert_eq!(script.lock().unwrap().asked.pop(), Some(body), "{args:?}");
    }
}

#[test]
fn what_is_refused_is_1() {
    let (url, _) = serve(Script { refusal: Some("it is not held"), ..views(&[samples::baking()]) });
    assert_eq!(weir(&url, &["resume", "shop/shop"]).unwrap(), ExitCode::FAILURE);
}

#[test]
fn errors_say_where_and_what_to_do() {
    let (url, _) = serve(views(&[samples::baking()]));
    let error = |url: &str, args: &[&str]| format!("{:#}", weir(url, args).unwrap_err());
    let missing = error(&url, &["get", "shop/cart"]);
    assert!(missing.contains("there is no release shop/cart; `weir release list -A`"), "{missing}");
    let missing = error(&url, &["wait", "shop/shop", "--for", "step=tenth"]);
    assert!(missing.contains("shop/shop has no step tenth"), "{missing}");
    let closed = "http://127.0.0.1:1";
    let refused = error(closed, &["list"]);
    assert!(
        refused.contains(closed) && refused.contains("--server URL") && refused.contains("refused"),
        "{refused}"
    );
    let stranger = error(&listen(Router::new()), &["get", "shop"]);
    assert!(stranger.contains("knows no releases"), "{stranger}");
    let nonsense = listen(Router::new().route("/v1/releases", get(async || "{}")));
    let nonsense = error(&nonsense, &["list"]);
    assert!(nonsense.contains("makes no sense"), "{nonsense}");
}

#[test]
fn waiting_ends_when_it_is_decided() {
    let (baking, held) = (samples::baking(), samples::held());
    let (done, back) = (samples::completed(), samples::rolled_back());
    for (looks, goal, expected) in [
        (&[baking.clone(), done.clone()][..], "completed", ExitCode::SUCCESS),
        (&[baking.clone(), back.clone()], "completed", ExitCode::FAILURE),
        (&[baking.clone(), held], "held", ExitCode::SUCCESS),
        (&[back], "rolledback", ExitCode::SUCCESS),
        (std::slice::from_ref(&baking), "step=fifth", ExitCode::SUCCESS),
    ] {
        let (url, _) = serve(views(looks));
        let ended = weir(&url, &["wait", "shop/shop", "--for", goal, "--timeout", "30s"]).unwrap();
        assert_eq!(ended, expected, "{goal}");
    }
    let (url, _) = serve(views(&[baking]));
    assert_eq!(weir(&url, &["wait", "shop/shop", "--timeout", "1s"]).unwrap(), ExitCode::FAILURE);
}

#[test]
fn watching_without_a_terminal_ends_with_the_release() {
    let (url, _) = serve(views(&[samples::baking(), samples::held(), samples::completed()]));
    // Tests may run on a terminal; then the screen would be taken.
    if !std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        assert_eq!(weir(&url, &["get", "shop/shop", "-w"]).unwrap(), ExitCode::SUCCESS);
    }
}

#[test]
fn bad_usage_says_what_to_write() {
    for (args, remedy) in [
        (&[][..], "Usage"),
        (&["get"], "<RELEASE>"),
        (&["get", "Shop"], "NAMESPACE/NAME"),
        (&["get", "a", "--server", "ftp://a"], "http://HOST:PORT"),
        (&["get", "a", "--server", "http://a", "--context", "b"], "--context"),
        (&["get", "a", "-w", "-o", "json"], "--output"),
        (&["promote", "a", "--to", "b", "--full"], "--full"),
        (&["pause", "a", "--timeout", "5"], "30m"),
        (&["pause", "a", "--if-attempt", "0"], "--if-attempt"),
        (&["abort", "a", "--reason", ""], "write why"),
        (&["wait", "a", "--for=done"], "completed, held, rolledback or step=NAME"),
        (&["plan"], "RELEASE"),
        (&["plan", "-f", "a.yaml", "--server"], "--server"),
        (&["plan", "a", "--rps", "0"], "number above 0"),
        (&["plan", "a", "--errors", "2"], "1% or 0.5%"),
        (&["report", "a", "-o", "text"], "md, json"),
    ] {
        let error = parse(args).expect_err(&format!("{args:?}")).to_string();
        assert!(error.contains(remedy), "{args:?}: {error}");
    }
}

#[test]
fn every_example_can_be_run() {
    let command = Cli::command();
    for verb in command.get_subcommands() {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> =
            help.lines().filter_map(|line| line.split_once("weir ")).map(|(_, line)| line).collect();
        assert!(!examples.is_empty(), "{} has no example", verb.get_name());
        for example in examples {
            let line = example.split(" > ").next().unwrap();
            let words = line.split('\'').enumerate().flat_map(|(index, part)| {
                // What stands between quotes is one word.
                if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }
            });
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}
