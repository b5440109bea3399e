//! A world in virtual time in which releases run.
//!
//! ```text
//!  Chance (a seed) ─► traffic, faults, crashes ─► Observation ─► weir_release::plan ─► State, Actions
//!                                 ▲                                                          │
//!                                 └──────── proxies, workloads, a store ◄────────────────────┘
//! ```
//!
//! [`bars`] asks how often healthy releases are given up and how soon bad ones are, with many requests and
//! nothing else going wrong. [`world`] asks whether the laws of a release hold when everything else goes wrong.

pub mod bars;
pub mod chance;
pub mod clients;
pub mod cluster;
pub mod controller;
pub mod histories;
pub mod monitor;
pub mod places;
pub mod proxies;
pub mod rules;
pub mod specs;
pub mod store;
pub mod traffic;
pub mod trial;
pub mod world;
