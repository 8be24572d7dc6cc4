"""The examples build against the installed package, and train to the reference's answer."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import c_api
import numpy as np
import pytest
import reference
from problems import noisy, one_hot

import fastsoftmax as fs
from fastsoftmax import capi

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
L2 = 0.1
ANSWER = 1e-10  # the largest distance of a parameter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not EXAMPLES.is_dir() or shutil.which("gcc") is None or shutil.which("ninja") is None,
        reason="needs the examples, GCC and Meson",
    ),
]


def site_of_package(folder):
    """A folder with the package as it is installed: its own, or of an editable one a copy by Meson."""
    package = Path(fs.__file__).parent
    if package != ROOT / "src" / "fastsoftmax":
        return package.parent
    build = ROOT / "build" / f"cp{sys.version_info.major}{sys.version_info.minor}"
    run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder])
    return next(folder.rglob("fastsoftmax/_build_config.py")).parents[1]


def run(command, **environment):
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python that has the installed package, and what else this one has but for editable packages."""
    site = site_of_package(tmp_path_factory.mktemp("installed"))
    environment = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", environment])
    executable = environment / "bin" / "python"
    purelib = Path(run([executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    # As plain folders: .pth files in them, which editable packages have, are not read.
    (purelib / "paths.pth").write_text(f"{site}\n{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    found = run([executable, "-c", "import fastsoftmax; print(fastsoftmax.__file__)"]).strip()
    assert Path(found).parents[1] == site
    # Cython runs by another Python, which must find the same files.
    return executable, {"PYTHONPATH": str(site)}


@pytest.fixture(scope="module")
def data():
    X, y = noisy(300, 4, 3)
    return X, y.astype(np.intp)


@pytest.fixture(scope="module")
def answer(data):
    """theta, W and then b, by Newton's method on the reference."""
    X, y = data
    Y, theta = one_hot(y, 3), np.zeros(15)
    for _ in range(20):
        W, b = theta[:12].reshape(3, 4), theta[12:]
        _, grad_W, grad_b = reference.loss_grad(X, Y, W, b, l2=L2)
        grad = np.concatenate([grad_W.ravel(), grad_b])
        columns = [reference.hess_vec(X, Y, W, b, unit[:12].reshape(3, 4), unit[12:], l2=L2) for unit in np.eye(15)]
        hessian = np.array([np.concatenate([part.ravel() for part in column]) for column in columns])
        # Adding a number to every b changes nothing: of all solutions, the one from zero on.
        theta = theta - np.linalg.lstsq(hessian, grad, rcond=1e-12)[0]
    assert abs(grad).max() < 1e-14
    return theta


def build(name, python, folder):
    """Install an example, and return the environment in which it is imported."""
    if find_spec("mesonpy") is None:
        pytest.skip("needs meson-python")
    executable, environment = python
    if find_spec("Cython") is None and name.startswith("cython"):
        pytest.skip("needs Cython")
    source = shutil.copytree(EXAMPLES / name, folder / name)
    pip = [executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--no-build-isolation", "--no-deps", "--target", folder / "site", source], **environment)
    return {"PYTHONPATH": f"{folder / 'site'}{os.pathsep}{environment['PYTHONPATH']}"}


def result(script, python, environment, data, folder):
    """What a script leaves in theta, run with the data as X and y."""
    np.savez(folder / "data.npz", X=data[0], y=data[1])
    text = (
        "import numpy as np\n"
        f"data = np.load({str(folder / 'data.npz')!r}); X, y = data['X'], data['y']; theta = np.zeros(15)\n"
        f"{script}\nnp.save({str(folder / 'theta.npy')!r}, theta)\n"
    )
    run([python[0], "-W", "error", "-c", text], **environment)
    return np.load(folder / "theta.npy")


def test_cython_sgd(python, data, answer, tmp_path):
    environment = build("cython-sgd", python, tmp_path)
    script = f"import sgd\nW, b = sgd.train(X, y, 3, l2={L2})\ntheta[:] = np.concatenate([W.ravel(), b])"
    np.testing.assert_allclose(result(script, python, environment, data, tmp_path), answer, rtol=0, atol=ANSWER)


def test_c_stream(python, data, answer, tmp_path):
    environment = build("c-stream", python, tmp_path)
    rows = str(tmp_path / "rows.bin")
    script = (
        f"import stream\nnp.column_stack([X, y]).tofile({rows!r})\n"
        f"stream.train(theta, {rows!r}, 4, 3, {L2}, 0.5, 1e-12)"
    )
    np.testing.assert_allclose(result(script, python, environment, data, tmp_path), answer, rtol=0, atol=ANSWER)


def test_cpp_server(python, data, answer, tmp_path):
    environment = build("cpp-server", python, tmp_path)
    script = (
        f"import server\nanswers = np.zeros((len(X), 3))\nserver.run(theta, answers, X, y, 4, 3, {L2}, 4)\n"
        f"np.save({str(tmp_path / 'answers.npy')!r}, answers)"
    )
    np.testing.assert_allclose(result(script, python, environment, data, tmp_path), answer, rtol=0, atol=ANSWER)
    expected = reference.softmax(data[0] @ answer[:12].reshape(3, 4).T + answer[12:])
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), expected, rtol=0, atol=ANSWER)


@pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")
def test_numba_descent(python, data, answer, tmp_path):
    shutil.copy(EXAMPLES / "numba-descent" / "descent.py", tmp_path)
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{python[1]['PYTHONPATH']}"}
    script = f"import descent\nW, b = descent.train(X, y, 3, l2={L2})\ntheta[:] = np.concatenate([W.ravel(), b])"
    np.testing.assert_allclose(result(script, python, environment, data, tmp_path), answer, rtol=0, atol=ANSWER)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs Rust")
def test_rust_train(data, answer, tmp_path):
    import ctypes

    crate = EXAMPLES / "rust-train"
    run(["cargo", "build", "--release", "--offline", "--manifest-path", crate / "Cargo.toml", "--target-dir", tmp_path])
    train = ctypes.CDLL(str(tmp_path / "release" / "librust_train.so")).rust_train
    theta, (X, y) = np.empty(15), data
    train.argtypes = [*[ctypes.c_void_p] * 4, *[ctypes.c_ssize_t] * 3, ctypes.c_double]
    code = train(c_api.pointer_of(capi._API), theta.ctypes.data, X.ctypes.data, y.ctypes.data, *X.shape, 3, L2)
    assert code == 0
    np.testing.assert_allclose(theta, answer, rtol=0, atol=ANSWER)


def test_the_installed_package_says_where_its_header_is(python):
    executable, environment = python
    folder = run([executable, "-m", "fastsoftmax.capi.config", "--includedir"]).strip()
    assert (Path(folder) / "fastsoftmax" / "fastsoftmax.h").is_file()
    assert environment["PYTHONPATH"] in folder
    if shutil.which("pkg-config") is not None:
        where = run([executable, "-m", "fastsoftmax.capi.config", "--pkgconfigdir"]).strip()
        flags = run(["pkg-config", "--cflags", "fastsoftmax"], PKG_CONFIG_PATH=where).strip()
        assert Path(flags.removeprefix("-I")).resolve() == Path(folder).resolve()
        version = run(["pkg-config", "--modversion", "fastsoftmax"], PKG_CONFIG_PATH=where).strip()
        assert version == fs.__version__
