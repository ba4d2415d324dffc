//! Measures on a small network: which roads are meant, and what holds when.
