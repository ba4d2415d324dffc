//! What would be wrong in the real city if networks were read otherwise.
