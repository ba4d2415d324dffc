//! Large memory pages, asked of the system before a city is built.
//!
//! A city of thousands of vehicles walks over tens of megabytes in every step; with pages of 4 KiB a good part of that time goes
//! into finding where they are (ADR 15). glibc asks the kernel for large ones only if it is told so when a program begins, so the program
//! begins once more, in the same process, with the word. Elsewhere, and where the kernel gives them anyway or never, nothing happens.

/// Begins the program anew with large pages if that can be had and nobody has said otherwise; if it fails all goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn ask_for_large_pages() {
    use std::os::unix::process::CommandExt;

    /// Set by the program for itself, so that it begins anew once at most.
    const ASKED: &str = "CITYTWIN_LARGE_PAGES";
    /// Glibc's settings, separated by colons.
    const TUNABLES: &str = "GLIBC_TUNABLES";
    /// The setting by which it asks for large pages where the kernel leaves that to programs (glibc 2.35 and later).
    const LARGE: &str = "glibc.malloc.hugetlb";

    if std::env::var_os(ASKED).is_some() {
        return;
    }
    let mut tunables = std::env::var(TUNABLES).unwrap_or_default();
    let left_to_programs = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
        .is_ok_and(|modes| modes.contains("[madvise]"));
    let Ok(program) = std::env::current_exe() else { return };
    if !left_to_programs || tunables.contains(LARGE) {
        return;
    }
    if !tunables.is_empty() {
        tunables.push(':');
    }
    tunables.push_str(LARGE);
    tunables.push_str("=1");
    let mut words = std::env::args_os();
    let mut again = std::process::Command::new(program);
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    // Comes back only if it could not be done.
    let _ = again.args(words).env(TUNABLES, tunables).env(ASKED, "asked").exec();
}

/// Nothing to ask of this system.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn ask_for_large_pages() {}
