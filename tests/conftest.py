import signal

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Let Ctrl-C interrupt the tests even if a shell runs them in the background, which makes them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def digits():
    """Scikit-learn's bundled digits: X (1797, 64) in [0, 1], y in 0..9."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a working directory with iris.csv and digits.npz."""
    from sklearn.datasets import load_digits, load_iris

    from fastsoftmax.files.data_file import write_table

    monkeypatch.chdir(tmp_path)
    iris = load_iris()
    columns = dict(zip(["sl", "sw", "pl", "pw"], iris.data.T, strict=True))
    write_table("iris.csv", {**columns, "species": iris.target_names[iris.target]})
    digits = load_digits()
    np.savez("digits.npz", X=(digits.data / 16).astype(np.float32), y=digits.target)
    return tmp_path


@pytest.fixture
def model(here):
    """Return model.safetensors, fitted to iris.csv, in the directory of `here`."""
    from command_line import succeed

    succeed("fit", "iris.csv", "--target", "species")
    return here / "model.safetensors"
