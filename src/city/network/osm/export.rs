//! Export placeholder.
/// placeholder
pub fn write() {}
