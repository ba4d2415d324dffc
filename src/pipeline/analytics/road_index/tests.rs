//! Fixes are given to the road the vehicle is on.
