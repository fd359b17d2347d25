"""Speed of the engines beside ONNX Runtime and torch, with the same networks on the same pinned cores in one run.

    cargo build --release --workspace --example forward
    venv/bin/python scripts/bench/peers.py target/release/examples/forward [--threads 1 2] [--blocks 20]

Networks have random weights. In each block every program makes forward passes for about --seconds, one program after the other, so that
all meet the same disturbances; a block's figure is the mean of its passes. The table gives the median of the blocks, and the median of
the ratios to ONNX Runtime in the same block. Without torch its column is empty.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.markdown import print_header, print_row

# Name, architecture, height and width of a record, records of each batch size. A record of YAMNet has 14 patches.
NETWORKS = [
    ("ResNet18, 224 px", "resnet18", 224, 224, [1, 8]),
    ("resnet18-w16, 112 px", "resnet18-w16", 112, 112, [1, 8]),
    ("resnet18-w8, 112 px (the model in the box)", "resnet18-w8", 112, 112, [1, 8]),
    ("YAMNet, 14 patches", "yamnet", 720, 64, [1]),
]
ENGINES = ["simd", "rten", "burn"]


def wail(forward, arch, height, width, file, threads):
    """A function that times passes of one of our engines, and writes the network to `file`."""
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    process = subprocess.Popen([forward, arch, str(height), str(width), file], **pipes)

    def passes(engine, records, count):
        print(engine, records, count, file=process.stdin, flush=True)
        return float(process.stdout.readline())

    passes("simd", 1, 1)  # the file is written once this is answered
    return passes


def onnx_runtime(file, threads):
    """A function that times passes of ONNX Runtime."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (found,) = session.get_inputs()

    def passes(records, count):
        shape = [records, *found.shape[1:]]
        x = (numpy.arange(numpy.prod(shape)) * 7919 % 1021 / 1020).astype(numpy.float32).reshape(shape)
        start = time.perf_counter()
        for _ in range(count):
            session.run(None, {found.name: x})
        return (time.perf_counter() - start) / count

    return passes


def torch_passes(arch, height, width, threads):
    """A function that times passes of torchvision's ResNet18, or None for another network or without torch."""
    if arch != "resnet18":
        return None
    try:
        import torch
        import torchvision
    except ImportError:
        return None
    torch.set_num_threads(threads)
    network = torchvision.models.resnet18().eval()
    network.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)

    def passes(records, count):
        with torch.inference_mode():
            x = torch.rand(records, 1, height, width)
            start = time.perf_counter()
            for _ in range(count):
                network(x)
        return (time.perf_counter() - start) / count

    return passes


def blocks(programs, records, args):
    """Seconds of a pass in each block, by program."""
    counts = {name: max(1, round(args.seconds / run(records, 1))) for name, run in programs.items() if run(records, 2)}
    found = []
    for _ in range(args.blocks):
        block = {}
        for name, run in programs.items():
            time.sleep(0.05)  # ONNX Runtime's threads spin for a while after a pass, on the cores of the next program
            block[name] = run(records, counts[name])
        found.append(block)
    return found


def main():
    parser = command_line.parser(__doc__, "forward")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.1)
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print_header("network", "threads", "batch", "ONNX Runtime, ms", *(f"{name}, ratio" for name in [*ENGINES, "torch"]))
    for threads in args.threads:
        os.sched_setaffinity(0, cores[:threads])
        for title, arch, height, width, batches in NETWORKS:
            with tempfile.TemporaryDirectory() as folder:
                file = str(pathlib.Path(folder) / "model.onnx")
                ours = wail(args.forward.resolve(), arch, height, width, file, threads)
                programs = {"ONNX Runtime": onnx_runtime(file, threads)}
            programs |= {engine: lambda records, count, engine=engine: ours(engine, records, count) for engine in ENGINES}
            if run := torch_passes(arch, height, width, threads):
                programs["torch"] = run
            for records in batches:
                found = blocks(programs, records, args)
                reference = 1000 * statistics.median(block["ONNX Runtime"] for block in found)
                ratios = {n: statistics.median(block[n] / block["ONNX Runtime"] for block in found) for n in programs}
                cells = [f"{ratios[name]:.2f}" if name in ratios else "" for name in [*ENGINES, "torch"]]
                print_row(title, threads, records, f"{reference:.2f}", *cells)


if __name__ == "__main__":
    main()
