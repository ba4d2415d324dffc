//! What would be wrong in the real city if demand were read otherwise.
