import itertools

import numpy as np
import pytest
from chunked import CUTS, N, assert_same_bits, in_chunks
from problems import noisy

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression
from fastsoftmax.chunks import from_arrow_dataset, from_iterable, from_npy, from_parquet, from_svmlight

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

X, Y = noisy(N)
WEIGHT = np.random.default_rng(0).random(N)
NAMES = np.array(["a", "b", "c", "d"], dtype=object)[Y]
PIECES = list(itertools.pairwise(CUTS))
EXPECTED = fs.fit(in_chunks(X, Y, WEIGHT), l2=1e-3)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(a, b, *, reverse=False):
    columns = {f"f{j}": X[a:b, j] for j in range(X.shape[1])} | {"label": NAMES[a:b], "weight": WEIGHT[a:b]}
    if reverse:
        columns = dict(reversed(columns.items()))
    return pa.table(
        {name: pa.array(values, pa.string() if name == "label" else None) for name, values in columns.items()}
    )


@pytest.fixture
def parquet(folder):
    (folder / "data").mkdir()
    for index, (a, b) in enumerate(PIECES):
        pq.write_table(table(a, b, reverse=index % 2 == 1), f"data/{index}.parquet", row_group_size=900)
    return folder / "data"


@pytest.mark.bits
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files(folder, order):
    for index, (a, b) in enumerate(PIECES):
        for name, values in (("X", np.asarray(X[a:b], order=order)), ("y", Y[a:b]), ("w", WEIGHT[a:b])):
            np.save(f"{name}{index}.npy", values)
    chunks = from_npy("X*.npy", "y*.npy", "w*.npy", chunk_bytes=30_000)
    assert len(chunks) > len(PIECES)
    assert_same_bits(fs.fit(chunks, l2=1e-3), EXPECTED)
    np.save("X.npy", X)
    np.save("y.npy", Y)
    np.save("w.npy", WEIGHT)
    assert_same_bits(fs.fit(from_npy("X.npy", ["y.npy"], "w.npy"), l2=1e-3), EXPECTED)


@pytest.mark.bits
def test_parquet_files_and_arrow(parquet):
    expected = SoftmaxRegression().fit(in_chunks(X, NAMES, WEIGHT)).coef_
    import pyarrow.dataset

    dataset = pyarrow.dataset.dataset(parquet)
    options = {"sample_weight": "weight", "features": [f"f{j}" for j in range(X.shape[1])]}
    sources = (
        from_parquet("data/*.parquet", "label", chunk_bytes=100_000, **options),
        from_parquet(parquet, "label", sample_weight="weight"),
        from_arrow_dataset(dataset, "label", **options),
        from_arrow_dataset(dataset.to_table(), "label", chunk_bytes=100_000, **options),
    )
    for chunks in sources:
        classifier = SoftmaxRegression().fit(chunks)
        assert np.array_equal(classifier.coef_, expected)
        assert classifier.feature_names_in_.tolist() == [f"f{j}" for j in range(X.shape[1])]


@pytest.mark.bits
def test_datasets_of_hugging_face():
    datasets = pytest.importorskip("datasets")
    found = datasets.Dataset.from_dict(table(0, N).to_pydict())
    classifier = SoftmaxRegression().fit(from_arrow_dataset(found, "label", sample_weight="weight"))
    assert np.array_equal(classifier.coef_, SoftmaxRegression().fit(in_chunks(X, NAMES, WEIGHT)).coef_)
    backwards = found.select(np.arange(N)[::-1])
    chunks = from_arrow_dataset(backwards, "label", sample_weight="weight", chunk_bytes=50_000)
    np.testing.assert_array_equal(chunks[0][0][0], X[-1])


def test_a_column_of_lists_and_columns_of_probabilities(folder):
    soft = 0.9 * np.eye(4)[Y] + 0.025
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])
    columns = pa.table({"x": lists} | {f"p{k}": soft[:, k] for k in range(4)})
    pq.write_table(columns, "lists.parquet", row_group_size=2000)
    chunks = from_parquet("lists.parquet", ["p0", "p1", "p2", "p3"], features="x", chunk_bytes=1)
    assert (len(chunks), chunks.n_features, chunks.feature_names) == (3, X.shape[1], None)
    assert_same_bits(fs.fit(chunks, l2=1e-3), fs.fit(in_chunks(X, soft), l2=1e-3))


@pytest.mark.bits
def test_what_can_be_read_only_once_is_written_once(folder):
    parts = ((X[a:b], Y[a:b], WEIGHT[a:b]) for a, b in PIECES)
    chunks = from_iterable(parts, "cache")
    assert_same_bits(fs.fit(chunks, l2=1e-3), EXPECTED)
    with pytest.raises(ValueError, match="must have one row for each"):
        from_iterable([(X[:5], Y[:5]), (X[:5], Y[:4])], "cache")
    assert not (folder / "cache" / "chunks.json").exists()
    (folder / "cache" / "mine.txt").write_text("")
    with pytest.raises(ValueError, match=r"folder of its own, found 'mine.txt'"):
        from_iterable([(X[:5], Y[:5])], "cache")


def test_svmlight_files_are_converted_once(folder):
    from scipy.sparse import random
    from sklearn.datasets import dump_svmlight_file, load_svmlight_file

    S = random(2000, 50, 0.1, format="csr", random_state=0)
    dump_svmlight_file(S, Y[:2000], "a.svm", zero_based=False)
    S, y = load_svmlight_file("a.svm", n_features=50, zero_based=False)
    seen = []
    options = {"n_features": 50, "chunk_bytes": 50_000, "progress": lambda done, total: seen.append((done, total))}
    first = from_svmlight("a.svm", "cache", **options)
    assert len(first) > 2
    assert seen[-1][0] == seen[-1][1]
    n_seen = len(seen)
    again = from_svmlight("a.svm", "cache", **options)
    assert len(seen) == n_seen
    expected = fs.fit(in_chunks(S, y.astype(int), cuts=(0, 2000)), l2=1e-3)
    assert_same_bits(fs.fit(again, l2=1e-3), expected)


def test_files_that_do_not_belong_together_are_named(folder, parquet):
    pq.write_table(table(0, 10).drop(["f3"]), "data/9.parquet")
    with pytest.raises(ValueError, match=r"9.parquet has no column 'f3'"):
        from_parquet("data", "label")
    pq.write_table(table(0, 10).append_column("more", pa.array(np.ones(10))), "data/9.parquet")
    with pytest.raises(ValueError, match=r"9.parquet has a column 'more', which .*0.parquet has not"):
        from_parquet("data", "label")
    other = table(0, 10).set_column(2, "f2", pa.array(np.ones(10, np.float32)))
    pq.write_table(other, "data/9.parquet")
    with pytest.raises(ValueError, match=r"column 'f2' of .*9.parquet must be of double.* found float"):
        from_parquet("data", "label")
    with pytest.raises(ValueError, match=r"no column 'lable' \(did you mean 'label'\?\)"):
        from_parquet("data/0.parquet", "lable")
    np.save("X.npy", X)
    np.save("y.npy", Y[1:])
    with pytest.raises(ValueError, match=r"y.npy must have the 6000 rows of X.npy, found \(5999,\)"):
        from_npy("X.npy", "y.npy")


def test_damaged_and_changed_files_are_named(folder, parquet):
    path = parquet / "3.parquet"
    pq.write_table(pq.read_table(path), path, write_page_checksum=True)
    chunks = from_parquet(parquet, "label")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"3.parquet has changed since it was opened"):
        SoftmaxRegression().fit(chunks)
    with pytest.raises(ValueError, match=r"3.parquet cannot be read as Parquet"):
        from_parquet(parquet, "label")
    middle = bytearray(content)
    middle[2000:2400] = bytes(400)
    path.write_bytes(middle)
    with pytest.raises(ValueError, match=r"3.parquet.*cannot be read as Parquet"):
        SoftmaxRegression().fit(from_parquet(parquet, "label"))
    np.save("X.npy", X)
    np.save("y.npy", Y)
    chunks = from_npy("X.npy", "y.npy")
    with open("X.npy", "r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(ValueError, match=r"X.npy has changed since it was opened"):
        fs.fit(chunks)
    with pytest.raises(ValueError, match=r"X.npy cannot be read as NPY: it is cut short"):
        from_npy("X.npy", "y.npy")
    with pytest.raises(FileNotFoundError, match="must name files that end in .npy, found none"):
        from_npy("none*.npy", "y.npy")


def test_the_command_line_reads_a_pattern(parquet):
    from command_line import succeed

    from fastsoftmax.files.model_file import load_model

    for path in parquet.iterdir():
        pq.write_table(pq.read_table(path).drop(["weight"]), path)
    out = succeed("fit", "data/*.parquet", "--target", "label")
    assert "6000 samples × 10 features in 5 files" in out
    expected = SoftmaxRegression(max_iter=1000).fit(in_chunks(X, NAMES))
    model = load_model("model.safetensors")
    assert model.feature_names == tuple(f"f{j}" for j in range(10))
    np.testing.assert_array_equal(model.W, expected.result_.W)


def test_the_command_line_fits_a_family_to_many_files(tmp_path, monkeypatch):
    import json

    from command_line import succeed

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    exposure = rng.uniform(0.5, 2, N)
    columns = {"a": X[:, 0], "b": 3 * X[:, 1] + 1, "w": rng.integers(1, 4, N), "e": np.log(exposure)}
    table = pa.table(columns | {"y": rng.poisson(exposure * np.exp(X[:, 0] / 2))})
    (tmp_path / "many").mkdir()
    for file, start in enumerate((0, 1500, 4000)):
        pq.write_table(table.slice(start, (1500, 2500, N)[file]), f"many/{file}.parquet")
    pq.write_table(table, "one.parquet")
    options = ["--target", "y", "--weight", "w", "--offset", "e", "--family", "poisson", "--standardize"]
    told = {}
    for data in ("many", "one.parquet"):
        told[data] = json.loads(succeed("fit", data, *options, "--tol", "1e-9", "--json", "--force"))
    for name in ("deviance", "deviance_explained"):
        assert told["many"]["training"][name] == pytest.approx(told["one.parquet"]["training"][name], rel=1e-9)
    assert told["many"]["loss"] == pytest.approx(told["one.parquet"]["loss"], rel=1e-9)


def test_drawn_rows_are_the_same_however_they_are_cut_and_read():
    from fastsoftmax.chunks.split import split_chunks

    parts = []
    for cuts in ((0, N), CUTS):
        sizes = tuple(np.diff(cuts).tolist())
        train, held = split_chunks(in_chunks(X, Y, WEIGHT, cuts=cuts), sizes, 0.2, 0.5, seed=3)
        assert train.n_samples + held.n_samples == N
        assert abs(held.n_samples / N - 0.3) < 0.03
        parts.append([np.concatenate([chunks[i][0] for i in range(len(chunks))]) for chunks in (train, held)])
        assert len(parts[-1][1]) == held.n_samples
    np.testing.assert_array_equal(parts[0][0], parts[1][0])
    np.testing.assert_array_equal(parts[0][1], parts[1][1])
    other = split_chunks(in_chunks(X, Y, WEIGHT), tuple(np.diff(CUTS).tolist()), 0.2, 0.5, seed=4)[1]
    assert other.n_samples != len(parts[0][1]) or not np.array_equal(other[3][0], held[3][0])


@pytest.mark.parametrize(
    "options",
    [["--cv", "3", "--validation", "0.25"], ["--cv", "2", "--scoring", "accuracy"], ["--validation", "0.25"]],
    ids=["folds", "accuracy", "a share"],
)
def test_the_command_line_chooses_C_over_many_files(parquet, options):
    import json

    from command_line import succeed

    told = json.loads(
        succeed("fit", "data", "--target", "label", "--weight", "weight", "--Cs", "1e-5,1e-3,1", "--json", *options)
    )
    scores = {row["C"]: row["score"] for row in told["search"]["scores"]}
    assert told["search"]["best"]["C"] == max(scores, key=scores.__getitem__)
    # As well as on all rows, and better than by the strongest penalty.
    accuracy = "--scoring" in options
    expected = told["training"]["accuracy"] if accuracy else -told["training"]["log_loss"]
    assert scores[1e-5] < max(scores.values()) == pytest.approx(expected, abs=0.05)
    if "--validation" in options:
        tolerance = 0.05 if "--cv" in options else 1e-6
        assert told["validation"]["log_loss"] == pytest.approx(-max(scores.values()), rel=tolerance)
        assert told["training"]["samples"] + told["validation"]["samples"] == N


def test_the_command_line_walks_a_path_over_many_files(parquet):
    import json

    from command_line import succeed

    options = ["--target", "label", "--weight", "weight", "--Cs", "1e-4,1e-2", "--standardize", "--json"]
    pq.write_table(table(0, N), "one.parquet")
    many, one = (json.loads(succeed("path", data, *options))["path"] for data in ("data", "one.parquet"))
    for a, b in zip(many, one, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert a["features"] == b["features"]


def test_the_command_line_says_which_scores_many_files_have(parquet):
    from command_line import one_line, run

    found = run("fit", "data", "--target", "label", "--weight", "weight", "--cv", "2", "--scoring", "f1_macro")
    assert found.exit_code
    message = "--scoring must be one of neg_log_loss, accuracy for many files, whose rows are not all in memory"
    assert message in one_line(found.output)
