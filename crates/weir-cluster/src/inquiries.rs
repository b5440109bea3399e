//! What is asked of others than the API server: gates of the user's, and Prometheus servers.
//!
//! Nobody waits for an answer. It is there at a later look, or the question is asked again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use serde_json::{Value, json};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use weir_model::ReleaseKey;
use weir_release::{
    observation::{GateAnswer, Observation, Sample},
    spec::{Gate, Prometheus, Spec, Watch},
};

/// The most that is read of an answer.
const ANSWER: usize = 1 << 20;
/// How long a Prometheus server may take.
const QUERY: Duration = Duration::from_secs(10);
/// How long a gate that said no is left alone.
const AGAIN: Duration = Duration::from_secs(15);
/// How long a number counts after it should have been replaced.
const STALE: Duration = Duration::from_mins(2);

type Connector = hyper_rustls::HttpsConnector<HttpConnector>;

/// Questions and answers by release.
#[derive(Debug)]
pub struct Inquiries {
    handle: Handle,
    client: Client<Connector, Full<Bytes>>,
    asked: Arc<Mutex<BTreeMap<Id, Asked>>>,
}

/// Of which release, and the name of the gate or guardrail; one of each may have the same.
type Id = (ReleaseKey, Topic, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Gate,
    Sample,
}

/// A question.
#[derive(Debug)]
struct Asked {
    at: Instant,
    answer: Option<(Instant, Answer)>,
}

#[derive(Clone, Debug)]
enum Answer {
    Gate(GateAnswer),
    Sample(Sample),
}

// === impl Inquiries ===

impl Inquiries {
    /// Asks on a runtime. Where the machine has no certificate authorities, questions over HTTPS fail, and say so.
    ///
    /// # Errors
    /// When TLS cannot be set up at all.
    pub fn new(handle: Handle) -> anyhow::Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = hyper_rustls::HttpsConnectorBuilder::new();
        let builder = match builder.with_provider_and_native_roots(provider.clone()) {
            Ok(builder) => builder,
            Err(_) => hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(without_roots(provider)?),
        };
        let connector = builder.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { handle, client, asked: Arc::default() })
    }

    /// Asks a gate, unless that has just been done.
    pub fn gate(&self, key: &ReleaseKey, gate: &Gate, about: Value) {
        let limit = gate.timeout;
        let id = (key.clone(), Topic::Gate, gate.name.to_string());
        if !self.is_due(&id, limit + AGAIN, AGAIN) {
            return;
        }
        let (client, gate) = (self.client.clone(), gate.clone());
        self.spawn(id, async move {
            let answer = match timeout(limit, ask_gate(&client, &gate, about)).await {
                Ok(Ok(())) => GateAnswer::Yes,
                Ok(Err(error)) => GateAnswer::No(format!("{error:#}")),
                Err(_) => GateAnswer::No(format!("no answer within {limit:?}")),
            };
            Answer::Gate(answer)
        });
    }

    /// Asks the Prometheus servers of a release whose time has come.
    pub fn sample(&self, key: &ReleaseKey, spec: &Spec) {
        for guardrail in &spec.analysis.guardrails {
            let Watch::Prometheus(prometheus) = &guardrail.watch else { continue };
            let id = (key.clone(), Topic::Sample, guardrail.name.to_string());
            if !self.is_due(&id, QUERY + prometheus.every, prometheus.every) {
                continue;
            }
            let (client, prometheus) = (self.client.clone(), prometheus.clone());
            self.spawn(id, async move {
                let asked = timeout(QUERY, ask_prometheus(&client, &prometheus)).await;
                Answer::Sample(match asked {
                    Ok(Ok(value)) => Sample::Value(value),
                    Ok(Err(error)) => Sample::Nothing(format!("{error:#}")),
                    Err(_) => Sample::Nothing(format!("no answer within {QUERY:?}")),
                })
            });
        }
    }

    /// Adds what is known by now to what is seen.
    pub fn fill(&self, key: &ReleaseKey, seen: &mut Observation) {
        for ((_, _, name), asked) in self.asked().iter().filter(|((of, ..), _)| of == key) {
            match &asked.answer {
                Some((_, Answer::Gate(answer))) => drop(seen.gates.insert(name.clone(), answer.clone())),
                Some((at, Answer::Sample(sample))) if at.elapsed() < STALE => {
                    seen.samples.insert(name.clone(), sample.clone());
                }
                _ => {}
            }
        }
    }

    /// Forgets the answers for a release, as when another attempt begins.
    pub fn forget(&self, key: &ReleaseKey) {
        self.asked().retain(|(of, ..), _| of != key);
    }

    /// Whether a question may be asked now; then it counts as asked.
    fn is_due(&self, id: &Id, patience: Duration, again: Duration) -> bool {
        let mut asked = self.asked();
        let now = Instant::now();
        let due = match asked.get(id) {
            None => true,
            Some(Asked { answer: Some((_, Answer::Gate(GateAnswer::Yes))), .. }) => false,
            Some(Asked { answer: Some((at, _)), .. }) => at.elapsed() >= again,
            Some(Asked { at, answer: None }) => at.elapsed() >= patience,
        };
        if due {
            let answer = asked.remove(id).and_then(|asked| asked.answer);
            asked.insert(id.clone(), Asked { at: now, answer });
        }
        due
    }

    fn spawn(&self, id: Id, ask: impl Future<Output = Answer> + Send + 'static) {
        let asked = Arc::clone(&self.asked);
        self.handle.spawn(async move {
            let answer = ask.await;
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            // It may have been forgotten meanwhile.
            if let Some(asked) = asked.get_mut(&id) {
                asked.answer = Some((Instant::now(), answer));
            }
        });
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<Id, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without_roots(provider: CryptoProvider) -> anyhow::Result<ClientConfig> {
    let builder =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

async fn ask_gate(client: &Client<Connector, Full<Bytes>>, gate: &Gate, about: Value) -> anyhow::Result<()> {
    let request = http::Request::post(&*gate.url).header("content-type", "application/json");
    let request = request.body(Full::from(about.to_string())).context("spec.gates: the URL")?;
    let response = client.request(request).await.map_err(chain)?;
    ensure!(response.status().is_success(), "status {}", response.status().as_u16());
    Ok(())
}

async fn ask_prometheus(
    client: &Client<Connector, Full<Bytes>>,
    prometheus: &Prometheus,
) -> anyhow::Result<f64> {
    let body = format!("query={}", encode(&prometheus.query));
    let url = format!("{}/api/v1/query", prometheus.address.trim_end_matches('/'));
    let request = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Full::from(body)).context("the address")?;
    let response = client.request(request).await.map_err(chain)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the answer: {error}"))?.to_bytes();
    ensure!(status.is_success(), "status {}: {}", status.as_u16(), String::from_utf8_lossy(&body).trim());
    number(&serde_json::from_slice(&body).context("the answer is not JSON")?)
}

/// The one number of an instant query, as a vector of one or a scalar.
fn number(answer: &Value) -> anyhow::Result<f64> {
    let data = &answer["data"];
    let sample = match data["resultType"].as_str() {
        Some("vector") => match data["result"].as_array().map(Vec::as_slice) {
            Some([one]) => &one["value"][1],
            Some([]) | None => bail!("the query has no result"),
            Some(many) => bail!("the query has {} results; make it one, as with sum()", many.len()),
        },
        Some("scalar") => &data["result"][1],
        other => bail!("the query is a {}; make it an instant query", other.unwrap_or("riddle")),
    };
    let value: f64 = sample.as_str().context("the result is no number")?.parse().context("the result")?;
    ensure!(value.is_finite(), "the result is {value}");
    Ok(value)
}

/// For a form (application/x-www-form-urlencoded).
fn encode(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

fn chain(error: hyper_util::client::legacy::Error) -> anyhow::Error {
    anyhow::Error::new(error)
}

/// What a gate is told of a release.
pub fn about(key: &ReleaseKey, gate: &str) -> Value {
    json!({ "namespace": *key.namespace, "release": *key.name, "gate": gate })
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use weir_crd::Release;

    use super::*;

    /// Answers every request with this body; without one it takes the request and says nothing.
    async fn server(body: Option<&'static str>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                // What is asked does not matter.
                let _ = stream.read(&mut [0; 4096]).await;
                if let Some(body) = body {
                    let length = body.len();
                    let head =
                        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
                    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await.unwrap();
                } else {
                    open.push(stream);
                }
            }
        });
        address
    }

    /// A release with a gate and a query of the same name.
    fn spec(gate: &str, prometheus: &str) -> Spec {
        let version = |name: &str| json!({"service": {"name": name, "port": 80}});
        let query = json!({"address": prometheus, "query": "up", "max": 1.0, "every": "1s"});
        let manifest = json!({
            "apiVersion": weir_crd::API_VERSION, "kind": "Release", "metadata": {"name": "shop"},
            "spec": {
                "routes": [{"kind": "Ingress", "name": "shop"}],
                "stable": version("v1"), "canary": version("v2"),
                "gates": [{"name": "smoke", "before": "1%", "webhook": {"url": gate, "timeout": "100ms"}}],
                "analysis": {"guardrails": [{"name": "smoke", "prometheus": query}]},
            },
        });
        weir_crd::parse("shop", &Release::read(&manifest).unwrap().spec).unwrap()
    }

    /// Asks both until there are answers.
    async fn answers(gate: &str, prometheus: &str) -> Observation {
        let inquiries = Inquiries::new(Handle::current()).unwrap();
        let (key, spec) = (ReleaseKey::new("shop", "shop"), spec(gate, prometheus));
        let asked = async {
            loop {
                let mut seen = Observation::default();
                inquiries.gate(&key, &spec.steps[0].gates[0], about(&key, "smoke"));
                inquiries.sample(&key, &spec);
                inquiries.fill(&key, &mut seen);
                if seen.gates.len() + seen.samples.len() == 2 {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(8), asked).await.expect("both are answered")
    }

    #[tokio::test]
    async fn a_gate_and_a_guardrail_of_the_same_name_are_both_asked() {
        let scalar = r#"{"data": {"resultType": "scalar", "result": [1, "0.5"]}}"#;
        let seen = answers(&server(Some("")).await, &server(Some(scalar)).await).await;
        assert_eq!(seen.gates["smoke"], GateAnswer::Yes);
        assert_eq!(seen.samples["smoke"], Sample::Value(0.5));
    }

    #[tokio::test]
    async fn a_gate_that_times_out_says_no_and_a_server_without_a_number_nothing() {
        let nan = r#"{"data": {"resultType": "scalar", "result": [1, "NaN"]}}"#;
        for (prometheus, says) in [(server(Some(nan)).await, "NaN"), ("http://127.0.0.1:9".into(), "onnect")]
        {
            let seen = answers(&server(None).await, &prometheus).await;
            assert_eq!(seen.gates["smoke"], GateAnswer::No("no answer within 100ms".into()));
            let Sample::Nothing(why) = &seen.samples["smoke"] else { panic!("{:?}", seen.samples) };
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn one_finite_number_is_a_sample() {
        let vector = |values: Value| json!({ "data": { "resultType": "vector", "result": values } });
        assert!((number(&vector(json!([{ "value": [1, "0.5"] }]))).unwrap() - 0.5).abs() < 1e-9);
        assert!(
            (number(&json!({ "data": { "resultType": "scalar", "result": [1, "3"] } })).unwrap() - 3.0).abs()
                < 1e-9
        );
        let wrong = [
            vector(json!([])),
            vector(json!([{ "value": [1, "NaN"] }])),
            vector(json!([{ "value": [1, "1"] }, { "value": [1, "2"] }])),
            json!({ "data": { "resultType": "matrix", "result": [] } }),
            json!({}),
        ];
        for answer in wrong {
            assert!(number(&answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn queries_survive_a_form() {
        assert_eq!(encode("sum(rate(a{b=\"c\"}[1m]))"), "sum%28rate%28a%7Bb%3D%22c%22%7D%5B1m%5D%29%29");
    }
}
