"""The first jobs of a newcomer, in one command each, from the files as they come."""

import importlib.resources

import numpy as np
import pytest
import scipy.sparse as sp
from command_line import run, succeed

from fastsoftmax.files.model_file import load_model

pytest.importorskip("pyarrow")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def penguins(name):
    """A file of the package palmerpenguins, as it stands there."""
    pytest.importorskip("palmerpenguins")
    return str(importlib.resources.files("palmerpenguins") / "data" / name)


def test_penguins(folder):
    said = succeed("fit", penguins("penguins.csv"), "--target", "species", "--standardize", "--validation", "0.25")
    assert "344 samples × 15 features × 3 classes" in said
    assert "sex=female" in load_model("model.safetensors").feature_names


def test_raw_penguins(folder):
    """Dates, and names of birds, are refused one after the other: the messages say how to go on."""
    fit = ("fit", penguins("penguins-raw.csv"), "--target", "Species")
    assert "'Date Egg' of" in (said := run(*fit).stderr)
    assert "--drop" in said
    fit = (*fit, "--drop", "Date Egg")
    assert "'Individual ID' of" in (said := run(*fit).stderr)
    assert "--id" in said
    result = run(*fit, "--id", "Individual ID")
    assert result.exit_code == 0
    assert "left out, since all cells are missing or equal: 'Region', 'Stage'" in result.stderr


def test_sparse_text_with_labels_beside_it(folder):
    rng = np.random.default_rng(0)
    y = rng.choice(["sci.space", "rec.autos", "misc.forsale"], 200)
    for part in ("train", "test"):
        sp.save_npz(f"{part}.npz", sp.random(200, 1000, 0.02, format="csr", dtype=np.float32, rng=rng))
        np.save(f"{part}_y.npy", y)
    assert "200 samples × 1000 features × 3 classes, float32, sparse" in succeed(
        "fit", "train.npz", "--target", "train_y.npy"
    )
    assert "accuracy" in succeed("evaluate", "model.safetensors", "test.npz", "--target", "test_y.npy")
    result = run("fit", "train.npz", "--target", "train_y.npy", "--validation", "test.npz")
    assert result.exit_code == 1
    assert "--validation must be a share, such as 0.2, where the labels are in a file, train_y.npy" in result.stderr


def test_embeddings_of_many_classes(folder):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(2000) % 100)
    np.save("X.npy", (rng.standard_normal((100, 64))[y] + rng.standard_normal((2000, 64))).astype(np.float16))
    np.save("y.npy", y)
    said = succeed("fit", "X.npy", "--target", "y.npy", "--validation", "0.2")
    assert "2000 samples × 64 features × 100 classes, float16" in said
    assert "validation accuracy" in said
