// Notes what the benchmark is built with, for its JSON.
use std::{env, fs, process::Command};

fn locked_version(lock: &str, name: &str) -> String {
    let wanted = format!("name = \"{}\"", name);
    let mut lines = lock.lines().skip_while(|line| *line != wanted).skip(1);
    lines
        .next()
        .and_then(|line| line.split('"').nth(1))
        .unwrap_or("?")
        .to_string()
}

fn main() {
    let rustc = Command::new(env::var("RUSTC").unwrap()).arg("--version").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    println!("cargo:rustc-env=BENCH_COMPILER={}", rustc.trim());
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    println!("cargo:rustc-env=BENCH_TOKIO={}", locked_version(&lock, "tokio"));
    println!("cargo:rustc-env=BENCH_RAYON={}", locked_version(&lock, "rayon"));
    println!("cargo:rerun-if-changed=Cargo.lock");
}
