//! citytwin: a city simulator and digital twin in which every vehicle and signal is an actor on a road graph.
//!
//! Reading order is the order of the modules: the words everybody uses, the city on paper, what it tells, the city alive, the wire, what we
//! learn from it, and the front door.

#![cfg_attr(
    not(all(feature = "redis", feature = "postgres", feature = "actions")),
    allow(dead_code, unused_imports, reason = "what only the parts left out would use")
)]

pub mod primitives;

pub mod city;

pub mod telemetry;

pub mod simulation;

pub mod pipeline;

pub mod studies;

pub mod api;

pub mod twin;

pub mod cli;
