//! A world in virtual time in which releases run.
//!
//! ```text
//!  Chance (a seed) ─► traffic, faults, crashes ─► Observation ─► weir_release::plan ─► State, Actions
//!                                 ▲                                                          │
//!                                 └──────── proxies, workloads, a store ◄────────────────────┘
//! ```
//!
//! [`bars`] asks how often healthy releases are given up and how soon bad ones are.

pub mod bars;
pub mod chance;
pub mod clients;
pub mod rules;
pub mod specs;
pub mod traffic;
pub mod trial;
