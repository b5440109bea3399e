//! Which core runs what.

use std::process::Command;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The cores of the three parties, as `taskset` reads them.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    pub(crate) proxy: String,
    pub(crate) origin: String,
    pub(crate) load: String,
    /// How many cores the load has.
    pub(crate) load_count: usize,
}

impl Cores {
    /// The proxy gets the first core, the origin the second and the load the rest; with two cores, origin
    /// and load share the second.
    pub(crate) fn share_out() -> anyhow::Result<Self> {
        let count = std::thread::available_parallelism().context("counting cores")?.get();
        let (origin, load, load_count) = match count {
            1 => ("0".to_owned(), "0".to_owned(), 1),
            2 => ("1".to_owned(), "1".to_owned(), 1),
            3 => ("1".to_owned(), "2".to_owned(), 1),
            _ => ("1".to_owned(), format!("2-{}", count - 1), count - 2),
        };
        Ok(Self { proxy: "0".to_owned(), origin, load, load_count })
    }
}

/// A program that will run on the given cores only.
pub(crate) fn pinned(cores: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", cores]).arg(program);
    command
}

/// Lets this process and its children open as many files as the system allows.
pub(crate) fn raise_file_limit() -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .context("raising the limit of open files")
}
