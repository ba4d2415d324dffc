//! Tables, figures and pages; computes nothing new.
