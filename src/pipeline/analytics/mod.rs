//! Facts to windows.
