//! Generates the messages from `proto/fleet.proto`, without the protobuf compiler.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["fleet.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .btree_map(".weir.fleet.v1.Horizon")
        .bytes(".weir.fleet.v1.Resource.value")
        .compile_fds(files)?;
    Ok(())
}
