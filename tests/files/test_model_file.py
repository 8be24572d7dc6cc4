"""The model file: a model is read as it was written, and no other file is taken for a model."""

import json
import os
import stat
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fastsoftmax import predict_proba
from fastsoftmax.files import atomic
from fastsoftmax.files.model_file import Model, load_model, save_model
from fastsoftmax.files.preprocessing import Number, Preprocessing, Text

safetensors_numpy = pytest.importorskip("safetensors.numpy")

W = np.random.default_rng(0).normal(size=(3, 4))
B = np.array([0.5, -1.0, 0.25])
LABELS = [
    np.array([3, -1, 7]),
    np.array(["setosa", 'ünï, "quoted"\n', ""]),
    np.array(["b", "b\0", "a" * 1000], dtype=object),
    np.array([0.5, 1e300, -2.0]),
]
METADATA = {
    "format": "fastsoftmax.model",
    "version": "1",
    "classes_kind": "i",
    "classes": "[0, 1, 2]",
    "feature_names": "null",
}


def write(path, tensors=None, **changes):
    """Write a model file with some of its parts changed; None removes a part."""
    tensors = {"W": W, "b": B} if tensors is None else tensors
    metadata = {key: value for key, value in (METADATA | changes).items() if value is not None}
    path.write_bytes(safetensors_numpy.save(tensors, metadata))


@pytest.mark.parametrize("classes", LABELS, ids=lambda labels: labels.dtype.kind)
@pytest.mark.parametrize("names", [None, ("a", "b", "ç", "sepal length (cm)")])
def test_round_trip(tmp_path, classes, names):
    save_model(tmp_path / "m.safetensors", Model(W, B, classes, names))
    model = load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(model.W, W, strict=True)
    np.testing.assert_array_equal(model.b, B, strict=True)
    expected = classes.astype(object) if classes.dtype.kind == "U" else classes
    np.testing.assert_array_equal(model.classes, expected, strict=True)
    assert model.feature_names == names
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_equal_models_make_equal_files(tmp_path):
    """The files are equal even if other processes write them, in which sets have another order."""
    code = (
        "import sys, numpy as np; from fastsoftmax.files.model_file import Model, save_model\n"
        "model = Model(np.ones((2, 3)), np.zeros(2), np.array(['a', 'b']), ('u', 'v', 'ü'))\n"
        "for path in sys.argv[1:]: save_model(path, model)"
    )
    paths = [str(tmp_path / f"{seed}{letter}") for seed in range(3) for letter in "abcd"]
    for seed in range(3):
        environment = os.environ | {"PYTHONHASHSEED": str(seed)}
        subprocess.run([sys.executable, "-c", code, *paths[4 * seed : 4 * seed + 4]], env=environment, check=True)
    assert len({Path(path).read_bytes() for path in paths}) == 1
    # The format requires that the numbers begin at a multiple of 8 bytes.
    assert int.from_bytes(Path(paths[0]).read_bytes()[:8], "little") % 8 == 0
    assert load_model(paths[0]).feature_names == ("u", "v", "ü")


def test_one_long_class_does_not_make_all_long(tmp_path):
    classes = np.array([f"class {k}" for k in range(5000)] + ["x" * 100_000], dtype=object)
    save_model(tmp_path / "m", Model(np.zeros((5001, 1)), np.zeros(5001), classes))
    tracemalloc.start()
    try:
        model = load_model(tmp_path / "m")
        predicted = model.predict(np.zeros((3, 1)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # If all labels were as long as the longest, they would take 2 GB.
    assert peak < 2**24
    assert predicted.tolist() == ["class 0"] * 3
    np.testing.assert_array_equal(model.classes, classes, strict=True)


@pytest.mark.parametrize("classes", [["a", 1, "b"], ["a", None, "b"]])
def test_objects_that_are_no_strings_are_no_classes(classes):
    with pytest.raises(ValueError, match="classes (must hold strings, found 1|has 1 missing value)"):
        Model(W, B, np.array(classes, dtype=object))


def test_many_feature_names_are_compared_quickly():
    names = [f"feature {j}" for j in range(200_000)]
    started = time.perf_counter()
    with pytest.raises(ValueError, match="feature name 'feature 199999' appears more than once"):
        Model(np.zeros((2, 200_001)), np.zeros(2), np.arange(2), (*names, names[-1]))
    assert time.perf_counter() - started < 10


def test_boolean_classes(tmp_path):
    save_model(tmp_path / "m", Model(W[:2], B[:2], np.array([False, True])))
    np.testing.assert_array_equal(load_model(tmp_path / "m").classes, [False, True], strict=True)


def test_columns_in_fortran_order(tmp_path):
    save_model(tmp_path / "m", Model(np.asfortranarray(W), B, np.arange(3)))
    np.testing.assert_array_equal(load_model(tmp_path / "m").W, W)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions(dtype):
    X = np.random.default_rng(1).normal(size=(50, 4)).astype(dtype)
    model = Model(W, B, np.array(["a", "b", "c"]))
    np.testing.assert_array_equal(model.predict_proba(X), predict_proba(X.astype(float), W, B), strict=True)
    np.testing.assert_array_equal(model.predict(X), np.array(["a", "b", "c"])[np.argmax(X @ W.T + B, axis=1)])


def test_predict_tells_probabilities_apart_that_round_to_one():
    model = Model(np.array([[0.0], [1e-17]]), np.zeros(2), np.array([0, 1]))
    X = np.ones((1, 1), dtype=np.float32)
    assert len(set(model.predict_proba(X)[0])) == 1
    assert model.predict(X) == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": None}, "format must be 'fastsoftmax.model', found None"),
        ({"format": "another"}, "found 'another'"),
        ({"version": "4"}, "version must be '1'.* found '4'"),
        ({"classes": None}, "has no classes"),
        ({"classes": "[0, 1"}, "classes is not valid JSON"),
        ({"classes": "[" * 100_000}, "classes is not valid JSON"),
        ({"classes": '{"0": 1}'}, "list of integers"),
        ({"classes": "[0, 1]"}, "W has 3 rows, but there are 2 classes"),
        ({"classes": "[0, 1, 1]"}, "class 1 appears more than once"),
        ({"classes": "[0, 1, 2.5]"}, "list of integers"),
        ({"classes": "[0, 1, true]"}, "list of integers"),
        ({"classes": f"[0, 1, {2**63}]"}, "cannot be represented"),
        ({"classes": f"[0, 1, {'9' * 5000}]"}, "classes is not valid JSON"),
        ({"classes_kind": "f", "classes": "[0.0, 1.0, NaN]"}, "NaN"),
        ({"classes_kind": "U", "classes": '["a", "b", "\\ud800"]'}, r"text that UTF-8 can write, found '\\ud800'"),
        ({"classes_kind": "U", "classes": '["a", "b", "b"]'}, "'b' appears more than once"),
        ({"classes_kind": "O"}, "classes_kind must be one of b, i, f, U, found 'O'"),
        ({"classes_kind": None}, "found None"),
        ({"feature_names": None}, "has no feature_names"),
        ({"feature_names": "nul"}, "feature_names is not valid JSON"),
        ({"feature_names": "7"}, "null or a list, found int"),
        ({"feature_names": '["a"]'}, "4 columns, but there are 1 feature names"),
        ({"feature_names": '["a", "b", "c", 4]'}, "must be strings"),
        ({"feature_names": '["a", "b", "c", "a"]'}, "'a' appears more than once"),
    ],
)
def test_wrong_metadata(tmp_path, changes, message):
    write(tmp_path / "m", **changes)
    with pytest.raises(ValueError, match=message) as error:
        load_model(tmp_path / "m")
    assert str(tmp_path / "m") in str(error.value)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"W": W}, "tensors W and b, found W"),
        ({"W": W, "b": B, "c": B}, "found W, b, c"),
        ({"W": W.astype(np.float32), "b": B}, "W must be F64, found F32"),
        ({"W": W, "b": np.arange(3)}, "b must be F64, found I64"),
        ({"W": W[0], "b": B}, r"W must have 2 dimensions, found shape \(4,\)"),
        ({"W": W, "b": B[:, None]}, r"b must have 1 dimensions, found shape \(3, 1\)"),
        ({"W": W, "b": B[:2]}, r"each of the 3 rows of W, found \(2,\)"),
        ({"W": W[:1], "b": B[:1]}, r"two rows or more.*\(1, 4\)"),
        ({"W": np.where(W > 1, np.nan, W), "b": B}, "W holds NaN or infinity"),
        ({"W": W, "b": np.array([0, np.inf, 0])}, "b holds NaN or infinity"),
    ],
)
def test_wrong_tensors(tmp_path, tensors, message):
    write(tmp_path / "m", tensors)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m")


def test_truncated_anywhere(tmp_path):
    path = tmp_path / "m"
    save_model(path, Model(W, B, np.arange(3), ("a", "b", "c", "d")))
    whole = path.read_bytes()
    for size in range(0, len(whole), 3):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is not a.* model file"):
            load_model(path)


def accepts(path):
    """Whether `load_model` accepts a file; what it accepts must be a complete model."""
    try:
        model = load_model(path)
    except ValueError:
        return False
    assert model.predict_proba(np.ones((1, 4))).shape == (1, 3)
    return True


def test_flipped_bytes_give_a_model_or_an_error(tmp_path):
    path = tmp_path / "m"
    save_model(path, Model(W, B, np.array(["x", "y", "z"]), ("a", "b", "c", "d")))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    accepted = 0
    for _ in range(600):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[position] ^= 1 << rng.integers(0, 8)
        path.write_bytes(damaged)
        accepted += accepts(path)
    assert 0 < accepted < 500


def test_foreign_files(tmp_path):
    path = tmp_path / "m"
    for contents in (b"", b"text\n" * 100, b"\x80\x04\x95" + bytes(50), b"\xff" * 64, np.arange(9).tobytes()):
        path.write_bytes(contents)
        with pytest.raises(ValueError, match="not a model file"):
            load_model(path)


def test_another_safetensors_file(tmp_path):
    (tmp_path / "m").write_bytes(safetensors_numpy.save({"W": W, "b": B}))
    with pytest.raises(ValueError, match="format must be"):
        load_model(tmp_path / "m")


def test_header_that_claims_more_than_the_file_holds(tmp_path):
    tensor = {"dtype": "F64", "shape": [2**40, 2**40], "data_offsets": [0, 2**60]}
    header = json.dumps({"W": tensor, "__metadata__": METADATA}).encode()
    (tmp_path / "m").write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    with pytest.raises(ValueError, match="not a model file"):
        load_model(tmp_path / "m")


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*absent"):
        load_model(tmp_path / "absent")
    with pytest.raises(ValueError, match="it is a directory"):
        load_model(tmp_path)


class TestAtomicWrites:
    def test_an_interrupted_write_changes_nothing(self, tmp_path):
        path = tmp_path / "m"
        path.write_text("old")

        def write_half():
            with atomic.atomic_path(path) as temporary:
                temporary.write_text("half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_half()
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["m"]

    def test_a_failed_rename_leaves_nothing(self, tmp_path, monkeypatch):
        def refuse(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(atomic.os, "replace", refuse)
        with pytest.raises(OSError, match="No space left"):
            save_model(tmp_path / "m", Model(W, B, np.arange(3)))
        assert os.listdir(tmp_path) == []

    def test_the_destination_is_whole_before_it_has_its_name(self, tmp_path):
        path = tmp_path / "m"
        with atomic.atomic_path(path) as temporary:
            temporary.write_text("new")
            assert not path.exists()
        assert path.read_text() == "new"

    def test_permissions_are_those_of_any_new_file(self, tmp_path):
        (tmp_path / "plain").touch()
        save_model(tmp_path / "m", Model(W, B, np.arange(3)))
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "m")}
        assert len(modes) == 1

    def test_a_link_is_followed(self, tmp_path):
        (tmp_path / "m").write_text("old")
        (tmp_path / "link").symlink_to("m")
        with atomic.atomic_path(tmp_path / "link") as temporary:
            temporary.write_text("new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "m").read_text() == "new"

    def test_refused_destinations(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no directory .*absent"):
            atomic.check_destination(tmp_path / "absent" / "m")
        with pytest.raises(ValueError, match="it is a directory"):
            atomic.check_destination(tmp_path)
        with pytest.raises(ValueError, match="not a regular file"):
            atomic.check_destination("/dev/null")
        (tmp_path / "file").touch()
        with pytest.raises(NotADirectoryError, match="is not a directory"):
            atomic.check_destination(tmp_path / "file" / "m")


class TestPreparation:
    """Models of tables with text and missing cells, and of files that count features from zero."""

    PREPROCESSING = Preprocessing((Number("age", 41.5, True), Text("sex", ("f", "m"), True)), ("empty",))

    def model(self, **parts):
        W = np.arange(10.0).reshape(2, 5)
        return Model(W, np.zeros(2), np.array(["a", "b"], object), self.PREPROCESSING.feature_names, **parts)

    def test_is_kept_as_data(self, tmp_path):
        path = tmp_path / "m.st"
        save_model(path, self.model(preprocessing=self.PREPROCESSING))
        assert b'"version":"3"' in path.read_bytes()
        assert load_model(path).preprocessing == self.PREPROCESSING
        assert not load_model(path).counts_from_zero
        save_model(path, self.model(counts_from_zero=True))
        assert b'"version":"3"' in path.read_bytes()
        assert load_model(path).counts_from_zero
        assert load_model(path).preprocessing is None
        save_model(path, self.model())
        assert b'"version":"1"' in path.read_bytes()

    def test_the_names_must_be_those_that_it_makes(self):
        with pytest.raises(ValueError, match="feature_names must be those that the preprocessing makes"):
            Model(np.zeros((2, 5)), np.zeros(2), np.arange(2), tuple("abcde"), preprocessing=self.PREPROCESSING)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"preprocessing": "{"}, "preprocessing: preprocessing is not valid JSON"),
            ({"preprocessing": "[]"}, "preprocessing: it must have columns and left_out"),
            ({"counts_from_zero": "yes"}, "counts_from_zero must be true or false, found 'yes'"),
        ],
    )
    def test_damaged(self, tmp_path, change, message):
        from safetensors import safe_open
        from safetensors.numpy import save_file

        path = tmp_path / "m.st"
        save_model(path, self.model(preprocessing=self.PREPROCESSING))
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        save_file(tensors, path, metadata | change)
        with pytest.raises(ValueError, match=message):
            load_model(path)
