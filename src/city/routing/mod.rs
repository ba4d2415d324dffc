//! The cheapest way under a cost.
