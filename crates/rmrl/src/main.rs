//! The command `rmrl`: teach a robot arm to place plates to the millimeter.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A step of training asks for the same large pieces of memory again and again; this allocator keeps
/// them instead of giving them back in between. It is the program's choice, not the library's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    rmrl::cli::main()
}
