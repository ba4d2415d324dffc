//! Windows say what the records say, whatever their order, and whenever the analyst starts anew.
