"""Data of four times the memory that a process may still take."""

import sys

import numpy as np
import pytest
from python_process import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space, and /proc"),
]

ROOM, CHUNK, N_FILES = 128 << 20, 4 << 20, 8

CODE = """
import resource
from pathlib import Path

import numpy as np

import fastsoftmax as fs
from fastsoftmax.chunks import from_npy

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

X = np.random.default_rng(0).standard_normal((5000, 20))
fs.fit(X, X[:, :3].argmax(axis=1), l2=0.1)  # what the first fit imports and starts
before = status("VmRSS")
limit = status("VmSize") + {room}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
result = fs.fit(from_npy({folder!r} + "/X*.npy", {folder!r} + "/y*.npy", chunk_bytes={chunk}), l2=1e-3)
print(result.status, status("VmHWM") - before)
"""


def test_data_of_four_times_the_memory_trains(tmp_path):
    n_features = 64
    n_rows = 4 * ROOM // N_FILES // (4 * n_features)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    y = (X[:, :4] + rng.gumbel(size=(n_rows, 4))).argmax(axis=1)
    for file in range(N_FILES):
        np.save(tmp_path / f"X{file}.npy", X)
        np.save(tmp_path / f"y{file}.npy", y)
    code = CODE.format(room=ROOM, chunk=CHUNK, folder=str(tmp_path))
    done = run(code, MALLOC_ARENA_MAX="1")
    assert done.returncode == 0, done.stderr
    status, growth = done.stdout.split()
    assert status == "converged"
    assert int(growth) <= 4 * CHUNK + (64 << 20)
