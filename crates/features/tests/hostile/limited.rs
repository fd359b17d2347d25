//! Runs a test in its own process under a small memory limit, so that an allocation that follows a header's claim fails
//! it.

use std::process::Command;

/// Limit of the address space, bytes: program, stacks and all allocations, touched or not.
pub const LIMIT_BYTES: u64 = 256 << 20;

/// Environment variable with the name of the test that a process was started for.
const TEST: &str = "WAIL_LIMITED_TEST";

/// Prefix of the lines that [`doing`] prints.
const DOING: &str = "doing: ";

/// Prints what `body` does next. The parent reports the last of these if the process ends early.
#[allow(dead_code)] // not every test program uses it
pub fn doing(what: &str) {
    println!("{DOING}{what}");
}

/// Runs `body`, the whole of the calling test, under the limit: starts this program again for this test alone.
pub fn limited(body: impl FnOnce()) {
    let test = std::thread::current().name().expect("a test runs in a thread of its name").to_owned();
    if std::env::var(TEST).is_ok_and(|asked| asked == test) {
        limit_this_process();
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(TEST, &test)
        .env("RUST_BACKTRACE", "0")
        // Otherwise the GNU allocator reserves 64 MB more per thread.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for line in err.lines().filter(|line| line.starts_with("SKIPPED")) {
        eprintln!("{line}");
    }
    let last = out.lines().rev().find_map(|line| line.split_once(DOING)).map_or("", |(_, what)| what);
    // The output also shows the panics inside decoders, which are caught.
    let end: Vec<&str> = err.lines().collect();
    let end = end[end.len().saturating_sub(6)..].join("\n");
    assert!(output.status.success(), "{test}: {}\n{last}\n{end}", output.status);
    assert!(out.contains("1 passed"), "{test} was not run: {out}");
}

fn limit_this_process() {
    if cfg!(not(target_os = "linux")) {
        return eprintln!("SKIPPED, the memory limit: only Linux is known to enforce it");
    }
    rlimit::setrlimit(rlimit::Resource::AS, LIMIT_BYTES, LIMIT_BYTES).unwrap();
    assert!(Vec::<u8>::new().try_reserve_exact(LIMIT_BYTES as usize).is_err(), "the limit is in force");
}
