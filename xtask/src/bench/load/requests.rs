//! The requests of a measurement, as bytes.

use bytes::Bytes;
use weir_testkit::{load, pattern};

use super::Args;
use crate::bench::site;

/// Every kind of request, to be taken in turn: one, or on the gray route four for each host.
pub(super) fn all(args: &Args) -> Vec<Bytes> {
    if !args.gray {
        return vec![request(args, &site::host(0), "", &[])];
    }
    (0..4 * args.hosts).map(|number| gray(args, number)).collect()
}

/// Asks for the canary by header, cookie or query, or leaves it to the user's sticky weight.
fn gray(args: &Args, number: usize) -> Bytes {
    let host = site::host(number / 4);
    let user = number.to_string();
    let user = ("x-user", user.as_str());
    match number % 4 {
        0 => request(args, &host, "", &[user, ("x-gray", "always")]),
        1 => request(args, &host, "", &[user, ("cookie", "session=0123456789; gray=always")]),
        2 => request(args, &host, "?gray=always", &[user]),
        _ => request(args, &host, "", &[user]),
    }
}

fn request(args: &Args, host: &str, query: &str, fields: &[(&str, &str)]) -> Bytes {
    let closing = [("connection", "close")];
    let closing = if args.reconnect { &closing[..] } else { &[] };
    let common = [("user-agent", "weir-bench"), ("accept", "*/*")];
    let fields = [&common[..], fields, closing].concat();
    match args.post {
        Some(length) => load::post(host, &format!("/upload{query}"), &fields, &pattern(length)),
        None if args.websocket => Bytes::from(format!("{host}/ws{query}")),
        None => load::get(host, &format!("/bytes/{}{query}", args.get), &fields),
    }
}
