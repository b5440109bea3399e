//! `cargo xtask image`, and images in general: OCI tar files (image-spec 1.1), made without a container engine.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{out, run};

/// Arguments of the verb.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to pack; several programs share a build and a tar
    #[arg(value_enum, value_name = "PROGRAM", default_value = "weir")]
    programs: Vec<Program>,
    /// Where the tar goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What there are images of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Program {
    /// The proxy, as weir.dev/weir:dev
    Weir,
    /// A backend for tests, as weir.dev/origin:dev
    Origin,
}

// === impl Program ===

impl Program {
    fn package(self) -> &'static str {
        match self {
            Self::Weir => "weir",
            Self::Origin => "weir-testkit",
        }
    }

    fn binary(self) -> &'static str {
        match self {
            Self::Weir => "weir",
            Self::Origin => "weir-origin",
        }
    }

    fn image(self) -> &'static str {
        match self {
            Self::Weir => "weir.dev/weir:dev",
            Self::Origin => "weir.dev/origin:dev",
        }
    }

    fn packed(self, folder: &Path) -> Image {
        let file = self.binary();
        Image { name: self.image(), entrypoint: file, files: vec![(file, folder.join(file))] }
    }
}

/// Builds the programs without shared libraries, since an image holds nothing else, and packs them.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut programs = args.programs.clone();
    programs.sort_unstable();
    programs.dedup();
    let folder = build(&programs)?;
    let images: Vec<_> = programs.iter().map(|program| program.packed(&folder)).collect();
    write(&images, &args.out)?;
    for program in programs {
        out::say(format_args!("{} in {}", program.image(), args.out.display()));
    }
    Ok(())
}

/// One build for all of them, so that what they share is compiled once. Returns the folder of the programs.
fn build(programs: &[Program]) -> anyhow::Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = run::cargo(["build", "--release", "--target", &target]);
    for program in programs {
        build.args(["--package", program.package(), "--bin", program.binary()]);
    }
    // What debuggers read is two thirds of the program; names of functions stay, for backtraces.
    build.env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    run::run(build.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    Ok(run::target()?.join(target).join("release"))
}

/// An image of one layer.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) name: &'static str,
    /// The file that runs.
    pub(crate) entrypoint: &'static str,
    /// Where each file goes, and where it is.
    pub(crate) files: Vec<(&'static str, PathBuf)>,
}

/// Writes images into one tar.
pub(crate) fn write(images: &[Image], to: &Path) -> anyhow::Result<()> {
    let mut blobs = BTreeMap::new();
    let mut manifests = Vec::new();
    for image in images {
        let layer = image.layer()?;
        let config = image.config(&digest(&layer)).to_string().into_bytes();
        let manifest = manifest(&config, &layer).to_string().into_bytes();
        manifests.push(image.described(&manifest));
        blobs.extend([layer, config, manifest].map(|blob| (digest(&blob), blob)));
    }
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    let mut tar = Builder::new(File::create(to).with_context(|| format!("creating {}", to.display()))?);
    append(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    append(&mut tar, "index.json", index.to_string().as_bytes())?;
    for (digest, blob) in &blobs {
        append(&mut tar, &format!("blobs/sha256/{digest}"), blob)?;
    }
    Ok(tar.finish()?)
}

// === impl Image ===

impl Image {
    fn layer(&self) -> anyhow::Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        for (name, file) in &self.files {
            let content = fs::read(file)?;
            let mut header = header(content.len(), 0o755);
            tar.append_data(&mut header, name, &*content)?;
        }
        let mut folder = header(0, 0o1777);
        folder.set_entry_type(EntryType::Directory);
        tar.append_data(&mut folder, "tmp", std::io::empty())?;
        Ok(tar.into_inner()?)
    }

    fn config(&self, layer: &str) -> Value {
        json!({
            "architecture": architecture(), "os": "linux",
            "config": { "Entrypoint": [format!("/{}", self.entrypoint)], "Env": ["PATH=/"] },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        })
    }

    /// As the index has it.
    fn described(&self, manifest: &[u8]) -> Value {
        let mut described = described("application/vnd.oci.image.manifest.v1+json", manifest);
        described["annotations"] = json!({
            "io.containerd.image.name": self.name, "org.opencontainers.image.ref.name": self.name,
        });
        described["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        described
    }
}

fn manifest(config: &[u8], layer: &[u8]) -> Value {
    json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described("application/vnd.oci.image.config.v1+json", config),
        "layers": [described("application/vnd.oci.image.layer.v1.tar", layer)],
    })
}

fn described(media_type: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", digest(blob)), "size": blob.len() })
}

fn digest(blob: &[u8]) -> String {
    Sha256::digest(blob).iter().fold(String::new(), |mut text, byte| {
        // Writing to memory does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn append(tar: &mut Builder<File>, name: &str, content: &[u8]) -> std::io::Result<()> {
    tar.append_data(&mut header(content.len(), 0o644), name, content)
}

/// Without owner and time, so that equal content gives an equal image.
fn header(length: usize, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(length as u64);
    header.set_mode(mode);
    header
}

/// As Go calls it.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tar: &[u8]) -> anyhow::Result<Vec<String>> {
        let mut tar = tar::Archive::new(tar);
        tar.entries()?.map(|entry| Ok(entry?.path()?.display().to_string())).collect()
    }

    #[test]
    fn equal_content_gives_an_equal_image() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("program");
        fs::write(&program, "content")?;
        let files = || vec![("program", program.clone())];
        let image = |name| Image { name, entrypoint: "program", files: files() };
        let write = |images: &[Image]| -> anyhow::Result<Vec<u8>> {
            let tar = folder.path().join("tar");
            write(images, &tar)?;
            Ok(fs::read(tar)?)
        };
        let first = write(&[image("weir.dev/test:1")])?;
        assert_eq!(first, write(&[image("weir.dev/test:1")])?);
        assert_eq!(names(&first)?[..2], ["oci-layout", "index.json"]);
        assert_eq!(names(&first)?.len(), 2 + 3);

        // What two images share is there once.
        let both = write(&[image("weir.dev/test:1"), image("weir.dev/other:1")])?;
        assert_eq!(names(&both)?.len(), 2 + 3);
        assert!(String::from_utf8_lossy(&both).contains("weir.dev/other:1"));
        Ok(())
    }
}
