//! The image that holds a pod's namespaces.

use std::{fs, path::PathBuf, process::Command};

use super::place::Place;
use crate::{
    image::{self, Image},
    run,
};

/// Its name.
pub(super) const NAME: &str = "weir.dev/pause:1";

/// Waits for a signal, and that's all.
const SOURCE: &str = "#include <signal.h>\n#include <unistd.h>\n\
    static void quit(int s) { (void)s; _exit(0); }\n\
    int main(void) { signal(SIGTERM, quit); signal(SIGINT, quit); for (;;) pause(); }\n";

/// The tar of the image, made if it is not there.
pub(super) fn tar(place: &Place) -> anyhow::Result<PathBuf> {
    let (source, program) = (place.build.join("pause.c"), place.build.join("pause"));
    let tar = place.build.join("pause.tar");
    if !tar.is_file() {
        fs::write(&source, SOURCE)?;
        run::output(Command::new("cc").args(["-static", "-O2", "-o"]).arg(&program).arg(&source))?;
        let image = Image { name: NAME, entrypoint: "pause", files: vec![("pause", program)] };
        image::write(&[image], &tar)?;
    }
    Ok(tar)
}
