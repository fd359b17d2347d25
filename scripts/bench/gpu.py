"""A GPU beside the CPU: agreement, the sweep on cry512, and embedding in batches. Standard library only; under 8 minutes.

    cargo build --release --workspace --features train/wgpu --bins --example forward
    python3 scripts/bench/gpu.py target/release/wail target/release/examples/forward RECORDINGS [--device wgpu]

RECORDINGS has a folder for each class. The programs need no toolchain, so they can be built elsewhere; the GPU needs a driver and, for
wgpu, a Vulkan loader.
"""

import array
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.markdown import print_header, print_row

ARCHITECTURES = [("resnet18", 224, 224), ("resnet18-w16", 112, 112), ("yamnet", 720, 64)]


def run(command, folder):
    """Seconds of a command, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start, done.stdout + done.stderr


def card():
    """Name and driver of the card, as nvidia-smi tells them."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def values(file):
    """The float32 values of an .npy file."""
    content = file.read_bytes()
    found = array.array("f")
    found.frombytes(content[10 + int.from_bytes(content[8:10], "little") :])
    return found


def agreement(wail, device, recordings, folder):
    files = sorted(path for path in recordings.rglob("*") if path.is_file())[:32]
    print_header("encoder", f"largest difference between {device} and simd", "largest value")
    for arch, _, _ in ARCHITECTURES:
        command = [wail, "embed", *files, "--weights", "random", "--arch", arch, "--out"]
        run([*command, "cpu.npy", "--device", "cpu"], folder)
        run([*command, "gpu.npy", "--device", device], folder)
        cpu, gpu = values(folder / "cpu.npy"), values(folder / "gpu.npy")
        worst = max(abs(a - b) for a, b in zip(cpu, gpu, strict=True))
        print_row(arch, f"{worst:.1e}", f"{max(map(abs, cpu)):.2f}")
    print(flush=True)


def sweep(wail, device, recordings, folder):
    config = folder / "gpu.toml"
    config.write_text(f'name = "gpu"\n[data]\nroots = ["{recordings}"]\nwhen_missing = "fail"\n[backbone]\nweights = "random"\n')
    print_header("sweep with ResNet18", "seconds, cold", "seconds, warm", "test macro-F1")
    for name in [device, "cpu"]:
        command = [wail, "--config", config, "--device", name]
        with tempfile.TemporaryDirectory() as cold:
            seconds, text = run(command, cold)
            warm, _ = run([*command, "--out", "again"], cold)
        score = re.search(r"^test +macro-F1 (\S+)", text, re.MULTILINE)
        print_row(name, f"{seconds:.1f}", f"{warm:.1f}", score.group(1) if score else "none")
    print(flush=True)


def embedding(forward, device, folder):
    print_header("encoder", "engine", *(f"ms a record, batch {batch}" for batch in [1, 32, 256]))
    for arch, height, width in ARCHITECTURES:
        command = [forward, arch, height, width, folder / "model.onnx"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(list(map(str, command)), **pipes) as process:

            def seconds(engine, records, passes):
                print(engine, records, passes, file=process.stdin, flush=True)
                return float(process.stdout.readline())

            for engine in [device, "simd"]:
                cells = []
                for records in [1, 32, 256]:
                    # The first passes compile kernels and choose among them.
                    seconds(engine, records, 3)
                    passes = max(1, min(20, round(1 / seconds(engine, records, 1))))
                    blocks = [seconds(engine, records, passes) for _ in range(5)]
                    cells.append(f"{1000 * statistics.median(blocks) / records:.3f}")
                print_row(arch, engine, *cells)
            process.stdin.close()


def main():
    parser = command_line.parser(__doc__, "wail", "forward", "recordings")
    parser.add_argument("--device", default="wgpu")
    args = parser.parse_args()
    wail, forward, recordings = (path.resolve() for path in [args.wail, args.forward, args.recordings])
    print(f"{card()}; {os.cpu_count()} cores for simd\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        agreement(wail, args.device, recordings, pathlib.Path(folder))
        embedding(forward, args.device, pathlib.Path(folder))
        print()
        sweep(wail, args.device, recordings, pathlib.Path(folder))


if __name__ == "__main__":
    main()
