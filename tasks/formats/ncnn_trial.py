"""One run of a pair of ncnn files, in a process of its own that may die of them.

    python -m tasks.formats.ncnn_trial MODEL.ncnn.param MODEL.ncnn.bin WIDTH HEIGHT

It writes the shape of every blob, as JSON.
"""

import json
import sys
from pathlib import Path

import ncnn
import numpy as np

FAILED = 3  # exit status where ncnn itself says that it failed


def open_net(param: Path, weights: Path, *, threads: int | None) -> ncnn.Net:
    """Open files in ncnn, which then computes in float32 and adds up as convolutions are defined.

    Raises:
        RuntimeError: if ncnn refuses them.
    """
    net = ncnn.Net()
    options = net.opt
    for name in dir(options):
        if name.startswith(("use_fp16", "use_bf16", "use_int8")):
            setattr(options, name, False)
    options.use_winograd_convolution = False
    options.lightmode = False  # so that every blob can be asked for
    if threads is not None:
        options.num_threads = threads
    if net.load_param(str(param)) or net.load_model(str(weights)):
        raise RuntimeError("it refuses the files")
    return net


def measure_blobs(net: ncnn.Net, *, width: int, height: int) -> dict[str, tuple[int, ...]]:
    """Run files on an image of zeros and return the shape of every blob.

    Raises:
        RuntimeError: if ncnn fails.
    """
    zeros = np.zeros((3, height, width), np.float32)  # kept: ncnn looks at it where it is
    extractor = net.create_extractor()
    extractor.input(net.input_names()[0], ncnn.Mat(zeros))
    found = {}
    for blob in net.blobs():
        status, values = extractor.extract(blob.name)
        if status:
            raise RuntimeError(f"it fails with {status} at {blob.name!r}")
        found[blob.name] = np.array(values).shape
    return found


if __name__ == "__main__":
    try:
        opened = open_net(Path(sys.argv[1]), Path(sys.argv[2]), threads=1)
        shapes = measure_blobs(opened, width=int(sys.argv[3]), height=int(sys.argv[4]))
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FAILED)
    sys.stdout.write(json.dumps(shapes))
