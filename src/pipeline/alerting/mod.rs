//! From what was found to who is told: rules over windows and events, alerts, and the actions that carry them outside.
//!
//! Alerts and what is still to be delivered are rows like any other result: whoever dies goes on from them. What time it is, is
//! told by the caller.
