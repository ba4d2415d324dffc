//! citytwin: a city simulator and digital twin in which every vehicle and signal is an actor on a road graph.
//!
//! Reading order is the order of the modules: the words everybody uses, the city on paper, the city alive, what we
//! learn from it, and the front door.

pub mod primitives;

pub mod city;

pub mod simulation;

pub mod pipeline;

pub mod studies;

pub mod cli;
