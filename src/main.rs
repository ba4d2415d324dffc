//! The program: the front door, and the page it hands out.

use citytwin::api::assets::PageFile;
use rust_embed::RustEmbed;

/// What `cargo xtask web` leaves; nothing where it has not been called.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

fn page(name: &str) -> Option<PageFile> {
    Built::get(name).map(|file| PageFile { content: file.data, sha256: file.metadata.sha256_hash() })
}

fn main() -> std::process::ExitCode {
    citytwin::cli::main(page)
}
