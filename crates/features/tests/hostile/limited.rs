//! Tests in a process of their own that may use little memory: an allocation that follows a header's claim ends it.

use std::process::Command;

/// Address space of such a process: program, stacks and all that it allocates, touched or not.
pub const LIMIT_BYTES: u64 = 256 << 20;

/// The test that a process was started for.
const TEST: &str = "WAIL_LIMITED_TEST";

/// What marks the lines of [`doing`].
const DOING: &str = "doing: ";

/// Says what `body` does next: the parent tells the last of these if the process ends early.
#[allow(dead_code)] // some programs of tests do one thing only
pub fn doing(what: &str) {
    println!("{DOING}{what}");
}

/// Runs `body`, which is all of the calling test, under the limit: starts this program again for this test alone.
pub fn limited(body: impl FnOnce()) {
    let test = std::thread::current().name().expect("tests run in threads of their name").to_owned();
    if std::env::var(TEST).is_ok_and(|asked| asked == test) {
        limit_this_process();
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(TEST, &test)
        .env("RUST_BACKTRACE", "0")
        // Of the GNU allocator: each thread would reserve 64 MB more.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for line in err.lines().filter(|line| line.starts_with("SKIPPED")) {
        eprintln!("{line}");
    }
    let last = out.lines().rev().find_map(|line| line.split_once(DOING)).map_or("", |(_, what)| what);
    // Panics inside decoders are caught, but shown, too.
    let end: Vec<&str> = err.lines().collect();
    let end = end[end.len().saturating_sub(6)..].join("\n");
    assert!(output.status.success(), "{test}: {}\n{last}\n{end}", output.status);
    assert!(out.contains("1 passed"), "{test} was not run: {out}");
}

fn limit_this_process() {
    if cfg!(not(target_os = "linux")) {
        return eprintln!("SKIPPED, the limit of memory: only Linux is known to keep to it");
    }
    rlimit::setrlimit(rlimit::Resource::AS, LIMIT_BYTES, LIMIT_BYTES).unwrap();
    assert!(Vec::<u8>::new().try_reserve_exact(LIMIT_BYTES as usize).is_err(), "the limit binds");
}
