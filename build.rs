//! Tells cargo that the page is part of the program where it has been built; builds nothing itself.

use std::path::Path;

fn main() {
    // A file that is not there counts as changed each time, and everything would be compiled again: `cargo xtask web` touches this
    // file when it has built the page for the first time.
    println!("cargo::rerun-if-changed=build.rs");
    if Path::new("web/dist").exists() {
        println!("cargo::rerun-if-changed=web/dist");
    }
}
