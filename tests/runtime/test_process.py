"""What the package does to the process it is imported into: imports, threads, forks."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from python_process import run
from threadpoolctl import threadpool_info, threadpool_limits

import fastsoftmax as fs
from fastsoftmax.runtime.threads import SMALL_WORK, available_threads, resolve_num_threads

OPENMP = fs.show_config("dicts")["OpenMP"] == "yes"


def test_import_is_light():
    done = run(
        "import sys, fastsoftmax\n"
        "heavy = {'sklearn', 'scipy', 'matplotlib', 'typer', 'rich', 'pyarrow', 'safetensors', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "fastsoftmax.SoftmaxRegression\n"
        "print('sklearn' in sys.modules)"
    )
    assert done.stdout.split("\n")[:2] == ["[]", "True"], done.stderr


@pytest.mark.skipif(not OPENMP or "OMP_WAIT_POLICY" in os.environ, reason="needs OpenMP and no choice")
@pytest.mark.parametrize(("chosen", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")])
def test_threads_wait_asleep_unless_the_user_chose(chosen, policy):
    """A busy foreign process would otherwise make a fit many times as slow as with one thread."""
    done = run("import os, fastsoftmax\nprint(os.environ.get('OMP_WAIT_POLICY'))", OMP_DISPLAY_ENV="true", **chosen)
    assert re.search(rf"OMP_WAIT_POLICY ?= ?'{policy}'", done.stdout + done.stderr)
    assert done.stdout.split()[-1] == str(chosen.get("OMP_WAIT_POLICY"))


def test_public_names_are_there():
    for name in fs.__all__:
        assert getattr(fs, name) is not None
    assert set(dir(fs)) == set(fs.__all__)
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        fs.train  # noqa: B018


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_hang():
    done = run(
        "import os, warnings, numpy as np, fastsoftmax as fs\n"
        "warnings.simplefilter('ignore')\n"
        "X = np.random.default_rng(0).standard_normal((20000, 50)); y = np.arange(20000) % 5\n"
        "W, b = np.zeros((5, 50)), np.zeros(5)\n"
        "expected = fs.loss_grad(X, y, W, b, num_threads=2)[0]\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    same = fs.loss_grad(X, y, W, b)[0] == fs.loss_grad(X, y, W, b, num_threads=2)[0] == expected\n"
        "    os._exit(0 if same else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert done.stdout.strip() == "0", done.stderr


@pytest.mark.bits
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("solver", ["gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal"])
def test_a_forked_child_fits_the_same_bits(solver):
    """The parent uses three threads, the child one."""
    done = run(
        "import os, sys, warnings, numpy as np, scipy.sparse as sp, fastsoftmax as fs\n"
        "warnings.simplefilter('ignore')\n"
        "rng = np.random.default_rng(0); y = rng.integers(0, 5, 6000)\n"
        "dense = rng.standard_normal((6000, 40), dtype=np.float32); sparse = sp.csr_matrix(np.maximum(dense, 0))\n"
        "def fit(X):\n"
        f"    settings = dict(solver={solver!r}, l2=1e-4, max_iter=8, tol=0, random_state=0, num_threads=3)\n"
        f"    result = fs.fit(X, y, l1=1e-3 * ({solver!r} == 'proximal'), **settings)\n"
        "    return result.W.tobytes() + result.b.tobytes() + result.history['loss'].tobytes()\n"
        "expected = [fit(dense), fit(sparse)]\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(int([fit(dense), fit(sparse)] != expected))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert done.stdout.strip() == "0", done.stderr


@pytest.mark.skipif(not OPENMP, reason="built without OpenMP")
def test_threads_follow_openmp():
    script = "import fastsoftmax; print(fastsoftmax.show_config('dicts')['threads'])"
    assert run(script, OMP_NUM_THREADS="1").stdout.strip() == "1"
    with threadpool_limits(1, user_api="openmp"):
        assert available_threads() == 1


def test_fits_keep_blas_to_one_thread_and_give_it_back():
    X = np.random.default_rng(0).standard_normal((300, 20))
    y, meet, seen = np.arange(300) % 3, Barrier(2, timeout=30), []

    def threads_of_blas():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    def fit(iterations):
        def callback(state):
            if state.iteration == 0 and iterations > 1:
                meet.wait()
            seen.append(threads_of_blas())
            return state.iteration == iterations

        fs.fit(X, y, solver="gd", tol=0, callback=callback)

    fit(1)
    assert seen == [{1}, {1}]
    # Two overlapping fits; either may end first.
    before = threads_of_blas()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fit, (2, 20)))
    assert threads_of_blas() == before


def test_small_work_runs_on_one_thread():
    assert resolve_num_threads(None, SMALL_WORK - 1) == 1
    assert resolve_num_threads(None, SMALL_WORK) == available_threads()
    assert resolve_num_threads(5, 1) == 5
    assert resolve_num_threads(2**31, 1) == max(64, os.cpu_count())


def test_config_prints_what_it_returns(capsys):
    config = fs.show_config("dicts")
    assert fs.show_config() is None
    printed = capsys.readouterr().out
    for name, value in config.items():
        assert any(line.startswith(name) and line.endswith(value) for line in printed.splitlines())
    with pytest.raises(ValueError, match="mode must be .* found 'json'"):
        fs.show_config("json")


@pytest.mark.bits
def test_calls_from_many_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((5000, 40)), rng.integers(0, 4, 5000)
    W, b = rng.standard_normal((4, 40)), np.zeros(4)
    expected = fs.loss_grad(X, y, W, b)
    with ThreadPoolExecutor(4) as pool:
        for loss, grad_W, _ in pool.map(lambda _: fs.loss_grad(X, y, W, b), range(16)):
            assert loss == expected[0]
            np.testing.assert_array_equal(grad_W, expected[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("shape", [(300_000, 54, 7), (40_000, 784, 10), (20_000, 768, 100)])
def test_a_pass_needs_little_memory(shape):
    """Peak memory of the whole call besides its arguments, of which X alone takes 62 to 125 MB."""
    done = run(
        "import sys, numpy as np, fastsoftmax as fs\n"
        "def peak(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM'))\n"
        f"n, N, K = {shape}\n"
        "X = np.ones((n, N), np.float32); y = np.arange(n) % K\n"
        "W, b = np.zeros((K, N), np.float32), np.zeros(K, np.float32)\n"
        "fs.loss_grad(X[:1000], y[:1000], W, b)\n"
        "before = peak()\n"
        "fs.loss_grad(X, y, W, b)\n"
        "print((peak() - before) / 1024)"
    )
    assert float(done.stdout) < 64, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("stored", ["float32", "float16", "bfloat16", "uint8", "mapped"])
def test_a_fit_makes_no_copy_of_the_data(stored, tmp_path):
    """Peak memory of a fit besides X, which takes 47 MB times the bytes of an element."""
    if stored == "mapped":
        np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (60_000, 784)).flush()
        make = f"np.load({str(tmp_path / 'X.npy')!r}, mmap_mode='r')"
    else:
        make = f"np.zeros((60_000, 784), {'ml_dtypes.' if stored == 'bfloat16' else 'np.'}{stored}); X[:, ::2] = 1"
    done = run(
        "import numpy as np, warnings, ml_dtypes, fastsoftmax as fs\n"
        "warnings.simplefilter('ignore')\n"
        # Pages of a mapped file do not count: the system takes them back when it needs memory.
        "def peak(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM'))\n"
        "def shared(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('RssFile'))\n"
        f"X = {make}\n"
        "y = np.arange(60_000) % 10\n"
        "fs.SoftmaxRegression(max_iter=1).fit(np.eye(20), np.arange(20) % 10)\n"
        "before = peak() - shared()\n"
        "fs.SoftmaxRegression(max_iter=3, standardize=True).fit(X, y)\n"
        "print((peak() - shared() - before) / 1024)"
    )
    assert float(done.stdout) < 64, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_sparse_fit_needs_little_memory():
    """Peak memory of a fit besides X. W is larger than X: its 20 × 100 000 numbers in float64 take 16 MB."""
    done = run(
        "import numpy as np, scipy.sparse as sp, warnings, fastsoftmax as fs\n"
        "warnings.simplefilter('ignore')\n"
        "def peak(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM'))\n"
        "rng = np.random.default_rng(0)\n"
        "entries = rng.random(1_000_000, np.float32), rng.integers(0, 100_000, 1_000_000), np.arange(10_001) * 100\n"
        "X = sp.csr_matrix(entries, shape=(10_000, 100_000)); X.sum_duplicates()\n"
        "y = np.arange(10_000) % 20\n"
        "fs.SoftmaxRegression(max_iter=1).fit(sp.eye(20, format='csr'), np.arange(20) % 10)\n"
        "before = peak()\n"
        "fs.SoftmaxRegression(max_iter=20).fit(X, y)\n"
        "print((peak() - before) / 16 / 1e6 * 1024)"
    )
    assert float(done.stdout) < 20, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_many_threads_need_no_memory_that_they_have_no_use_for():
    done = run(
        "import resource, numpy as np, fastsoftmax as fs\n"
        "X = np.ones((500, 300))\n"
        "expected = fs.gram(X, num_threads=1)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "print((fs.gram(X, num_threads=3000) == expected).all())",
        OPENBLAS_NUM_THREADS="1",
    )
    assert done.stdout.strip() == "True", done.stderr
