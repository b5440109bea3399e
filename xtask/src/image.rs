//! `cargo xtask image`, and images in general: OCI tar files (image-spec 1.1), made without a container engine.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{out, run};

/// The image that the tests run.
const NAME: &str = "weir.dev/weir:dev";

/// Arguments of the verb.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the tar goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Builds the program without shared libraries, since the image holds nothing else, and packs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = run::cargo(["build", "--release", "--package", "weir", "--target", &target]);
    run::run(build.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    let program = run::target()?.join(&target).join("release/weir");
    Image { name: NAME, entrypoint: "/weir", files: &[("weir", &program)] }.write(&args.out)?;
    out::say(format_args!("{NAME} in {}", args.out.display()));
    Ok(())
}

/// An image of one layer.
#[derive(Debug)]
pub(crate) struct Image<'i> {
    pub(crate) name: &'i str,
    pub(crate) entrypoint: &'i str,
    /// Where each file goes, and where it is.
    pub(crate) files: &'i [(&'i str, &'i Path)],
}

// === impl Image ===

impl Image<'_> {
    /// Writes the tar.
    pub(crate) fn write(&self, to: &Path) -> anyhow::Result<()> {
        let layer = self.layer()?;
        let config = self.config(&digest(&layer)).to_string().into_bytes();
        let manifest = manifest(&config, &layer).to_string().into_bytes();
        let mut tar = Builder::new(File::create(to)?);
        append(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        append(&mut tar, "index.json", self.index(&manifest).to_string().as_bytes())?;
        for blob in [&layer, &config, &manifest] {
            append(&mut tar, &format!("blobs/sha256/{}", digest(blob)), blob)?;
        }
        Ok(tar.finish()?)
    }

    fn layer(&self) -> anyhow::Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        for (name, file) in self.files {
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
            "config": { "Entrypoint": [self.entrypoint], "Env": ["PATH=/"] },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        })
    }

    fn index(&self, manifest: &[u8]) -> Value {
        let mut described = described("application/vnd.oci.image.manifest.v1+json", manifest);
        described["annotations"] = json!({
            "io.containerd.image.name": self.name, "org.opencontainers.image.ref.name": self.name,
        });
        described["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        json!({ "schemaVersion": 2, "manifests": [described] })
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

    #[test]
    fn equal_content_gives_an_equal_image() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("program");
        fs::write(&program, "content")?;
        let image =
            Image { name: "weir.dev/test:1", entrypoint: "/program", files: &[("program", &program)] };
        let write = |name: &str| -> anyhow::Result<Vec<u8>> {
            let tar = folder.path().join(name);
            image.write(&tar)?;
            Ok(fs::read(tar)?)
        };
        let first = write("a")?;
        assert_eq!(first, write("b")?);
        let mut tar = tar::Archive::new(&*first);
        let names: Vec<_> = tar
            .entries()?
            .map(|entry| entry.map(|entry| entry.path().map(|path| path.display().to_string())))
            .collect::<Result<Result<Vec<_>, _>, _>>()??;
        assert_eq!(names.len(), 5);
        assert_eq!(names[0], "oci-layout");
        Ok(())
    }
}
