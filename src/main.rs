//! The program: hands over to the front door.

fn main() -> std::process::ExitCode {
    citytwin::cli::main()
}
