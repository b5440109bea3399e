//! The schema of the status of a Release. It is open: the release machine stores there what it needs to go on after
//! a crash, and only what people and tools look at is described.

use serde_json::{Value, json};

/// The schema.
pub(super) fn release() -> Value {
    json!({
        "type": "object",
        "description": "Where the release stands. Only Weir writes it.",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "phase": text("Pending, Running, Superseded, Promoting, Offlining, Completed, Aborting or RolledBack."),
            "waitingFor": text("What the release waits for, in a sentence."),
            "weight": text("How much of the traffic goes to the new version."),
            "acknowledged": text("How many proxies say that the weight is in force."),
            "observedGeneration": {
                "type": "integer", "format": "int64",
                "description": "Which generation of the spec was read last.",
            },
            "conditions": conditions(),
            "accepted": {
                "type": "object",
                "description": "The last spec that made sense: its generation, and the spec as it was written. It counts while \
                                the present one makes none.",
                // As a whole: who wrote which of its fields would be a list as long as itself.
                "x-kubernetes-map-type": "atomic",
                "x-kubernetes-preserve-unknown-fields": true,
            },
            "actions": {
                "type": "array",
                "description": "The last 50 ReleaseActions that were looked at, and what came of each. One of the same name is not \
                                done again.",
                "items": open("What was asked for, by whom, and when."),
            },
            "attempt": open("Which try it is, of which revisions, and when it began."),
            "step": open("The step that is under way: its name, and how far it is."),
            "routing": open("What proxies obey: how requests are divided, and the epoch that counts the changes."),
            "offline": open("How far the version is that goes offline."),
            "at": text("When it was over."),
            "abort": open("How far the way back to the old version is."),
            "hold": open("Why the release goes no further: a reason, a sentence, and since when."),
            "evidence": open("What the guardrails know of the new version."),
            "clock": open("What proxies had counted when the release was looked at last."),
            "lastAction": open("What somebody asked for last, and whether it was done."),
            "failure": open("Why everything went back to the old version."),
            "drained": open("Who was left when a version went offline: WebSockets and streams that were asked to end, and requests whose time was over."),
            "scaled": open("What the workloads were before they were scaled."),
        },
    })
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn open(about: &str) -> Value {
    json!({"type": "object", "description": about, "x-kubernetes-preserve-unknown-fields": true})
}

fn conditions() -> Value {
    json!({
        "type": "array",
        "description": "Accepted, Ready, Reconciling, Stalled, Progressing, Healthy, Held, OldVersionOffline, ScaleContested.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "lastTransitionTime"],
            "properties": {
                "type": text("What it speaks of."),
                "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds."},
                "reason": text("Why, in one word."),
                "message": text("Why, in a sentence."),
                "lastTransitionTime": {
                    "type": "string", "format": "date-time", "description": "Since when.",
                },
                "observedGeneration": {
                    "type": "integer", "format": "int64",
                    "description": "Of which generation of the spec it speaks.",
                },
            },
        },
    })
}
