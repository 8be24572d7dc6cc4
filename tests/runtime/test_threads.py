"""Threads among others': forked workers, joblib, Python threads, OpenMP regions. The bits never change."""

import ctypes
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import c_api
import numpy as np
import pytest
from python_process import run
from threadpoolctl import ThreadpoolController, threadpool_limits

import fastsoftmax as fs
from fastsoftmax import capi
from fastsoftmax.runtime import threads
from fastsoftmax.runtime.threads import available_threads

OPENMP = fs.show_config("dicts")["OpenMP"] == "yes"

pytestmark = pytest.mark.bits
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# A module of the scripts below: a fit on two threads, as bytes.
WORK = (
    "import os, warnings, numpy as np, fastsoftmax as fs\n"
    "warnings.simplefilter('ignore')\n"
    "rng = np.random.default_rng(0); X = rng.standard_normal((6000, 40)); y = rng.integers(0, 5, 6000)\n"
    "def fit(seed):\n"
    "    result = fs.fit(X, (y + seed) % 5, l2=1e-3, max_iter=5, tol=0, num_threads=2)\n"
    "    return result.W.tobytes() + result.b.tobytes()\n"
)


@needs_fork
def test_a_pool_of_forked_workers():
    """As multiprocessing does it, after the parent has used its threads."""
    done = run(
        WORK + "import multiprocessing\n"
        "expected = [fit(seed) for seed in range(4)]\n"
        "with multiprocessing.get_context('fork').Pool(4) as pool:\n"
        "    print(pool.map(fit, range(4)) == expected)"
    )
    assert done.stdout.strip() == "True", done.stderr


@needs_fork
def test_prefork_workers_that_answer_for_long():
    """As gunicorn with --preload does it: the model is fitted before, and every worker predicts and fits again."""
    done = run(
        WORK + "model = fs.SoftmaxRegression(max_iter=5, n_jobs=2).fit(X, y)\n"
        "expected = model.predict_proba(X).tobytes(), fit(1)\n"
        "workers = []\n"
        "for _ in range(4):\n"
        "    worker = os.fork()\n"
        "    if worker == 0:\n"
        "        same = all((model.predict_proba(X).tobytes(), fit(1)) == expected for _ in range(3))\n"
        "        os._exit(0 if same else 1)\n"
        "    workers.append(worker)\n"
        "print([os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers], fit(1) == expected[1])"
    )
    assert done.stdout.strip() == "[0, 0, 0, 0] True", done.stderr


@pytest.mark.slow
def test_joblib_with_four_processes_of_two_threads():
    done = run(
        WORK + "from joblib import Parallel, delayed, parallel_config\n"
        "def threads(): return fs.runtime.threads.available_threads()\n"
        "import fastsoftmax.runtime.threads\n"
        "expected = [fit(seed) for seed in range(8)]\n"
        "with parallel_config('loky', n_jobs=4, inner_max_num_threads=2):\n"
        "    print(Parallel()(delayed(fit)(seed) for seed in range(8)) == expected)\n"
        "    print(max(Parallel()(delayed(threads)() for _ in range(8))) <= 2)\n"
        "print(Parallel(n_jobs=4, backend='threading')(delayed(fit)(seed) for seed in range(8)) == expected)"
    )
    assert done.stdout.split() == ["True", "True", "True"], done.stderr


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "preconditioned-lbfgs", "proximal"])
def test_eight_fits_at_once_are_eight_fits(solver):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3000, 20)), rng.integers(0, 4, 3000)

    def fit(seed):
        settings = dict(solver=solver, l2=1e-3, max_iter=5, tol=0, num_threads=2)
        result = fs.fit(X, (y + seed) % 4, l1=1e-3 * (solver == "proximal"), **settings)
        return result.W.tobytes(), result.b.tobytes(), result.loss

    expected = [fit(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fit, range(8))) == expected


@pytest.mark.skipif(not OPENMP, reason="built without OpenMP")
def test_threadpoolctl_sees_and_limits_us():
    assert any(library.user_api == "openmp" for library in ThreadpoolController().lib_controllers)
    with threadpool_limits(1, user_api="openmp"):
        assert available_threads() == c_api.C.max_threads() == 1
    with threadpool_limits(3, user_api="openmp"):
        assert c_api.C.max_threads() == 3


@pytest.mark.skipif(not OPENMP or not hasattr(os, "sched_setaffinity"), reason="needs OpenMP and affinity")
def test_threads_follow_the_affinity():
    done = run(
        "import os\n"
        "os.environ.pop('OMP_NUM_THREADS', None)\n"
        "os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])\n"
        "import fastsoftmax; print(fastsoftmax.show_config('dicts')['threads'])"
    )
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, np.inf),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, np.inf),
        ({}, np.inf),
    ],
)
def test_threads_follow_the_quota_of_the_control_group(files, quota, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(threads, "Path", lambda name: tmp_path / Path(name).relative_to("/sys/fs/cgroup"))
    threads.cgroup_quota.cache_clear()
    try:
        assert threads.cgroup_quota() == quota
        assert threads.available_threads() <= max(1, np.ceil(quota))
    finally:
        threads.cgroup_quota.cache_clear()


@pytest.mark.skipif(not OPENMP, reason="built without OpenMP")
def test_the_c_functions_follow_openmp_settings():
    script = "import c_api; print(c_api.C.max_threads())"
    path = os.pathsep.join([os.path.dirname(c_api.__file__), os.environ.get("PYTHONPATH", "")])
    for count in ("1", "3"):
        assert run(script, OMP_NUM_THREADS=count, PYTHONPATH=path).stdout.strip() == count


@needs_fork
def test_a_forked_child_calls_the_c_functions():
    done = run(
        "import os, warnings, numpy as np, c_api\n"
        "warnings.simplefilter('ignore')\n"
        "X = np.random.default_rng(0).standard_normal((6000, 40)); y = np.arange(6000) % 5\n"
        "W, b = np.ones((5, 40)), np.zeros(5)\n"
        "def call(): return [np.asarray(part).tobytes() for part in c_api.loss_grad(X, y, W, b, num_threads=3)]\n"
        "expected = call()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if call() == expected else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), call() == expected)",
        PYTHONPATH=os.pathsep.join([os.path.dirname(c_api.__file__), os.environ.get("PYTHONPATH", "")]),
    )
    assert done.stdout.strip() == "0 True", done.stderr


REGION = """
#include <fastsoftmax/fastsoftmax.h>
#include <omp.h>
#include <stdlib.h>
/* Calls on four threads of our own region, each of which asks for three; returns the worst code. */
int calls(const fastsoftmax_api *api, double *losses, double *grads, size_t stride, const fastsoftmax_features *X,
          const fastsoftmax_samples *samples, const fastsoftmax_model *model, size_t size) {
    int worst = 0;
    ptrdiff_t n_weights = model->n_outputs * X->n_features;
#pragma omp parallel for num_threads(4) reduction(max : worst)
    for (int i = 0; i < 16; i++) {
        fastsoftmax_resources resources;
        fastsoftmax_resources_init(&resources);
        resources.num_threads = 3;
        resources.workspace = malloc(size);
        resources.workspace_size = size;
        double *grad = grads + i * stride;
        int code = api->loss_grad(losses + i, grad, grad + n_weights, X, samples, model, &resources);
        free(resources.workspace);
        if (code > worst) worst = code;
    }
    return worst;
}
"""


@pytest.mark.skipif(not OPENMP or shutil.which("gcc") is None, reason="needs OpenMP and GCC")
def test_calls_inside_a_parallel_region_of_the_caller(tmp_path):
    (tmp_path / "region.c").write_text(REGION)
    command = ["gcc", "-O1", "-fopenmp", "-shared", "-fPIC", f"-I{fs.get_include()}", "region.c", "-o", "region.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "region.so"))
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3000, 20)), (np.arange(3000) % 4).astype(np.intp)
    W, b = rng.standard_normal((4, 20)), np.zeros(4)
    losses, grads = np.empty(16), np.empty((16, 84))
    x, parts, at_W = c_api.features(X), c_api.samples(y), c_api.model(W, b)
    size = ctypes.c_size_t(c_api.workspace_size("LOSS_GRAD", x, at_W, 3))
    arguments = [c_api.pointer_of(capi._API), *map(c_api.address, (losses, grads))]
    structs = map(c_api.address, (x, parts, at_W))
    assert (
        library.calls(*map(ctypes.c_void_p, arguments), ctypes.c_size_t(84), *map(ctypes.c_void_p, structs), size) == 0
    )
    loss, grad_W, grad_b = c_api.loss_grad(X, y, W, b)
    assert (losses == loss).all()
    assert (grads == np.concatenate([grad_W.ravel(), grad_b])).all()
