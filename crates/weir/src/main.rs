//! The `weir` program; everything is in the library, so that tests reach it.

use std::process::ExitCode;

/// One allocator for all threads: it is what the data plane was measured with. On hosts where memory is
/// scarce, `MIMALLOC_ALLOW_THP=0` in the environment saves a few MiB of transparent huge pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    weir::main()
}
