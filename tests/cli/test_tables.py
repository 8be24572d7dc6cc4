"""Jobs on tables as people have them: text, missing cells, weights, ids, standard input."""

import numpy as np
import pytest
import scipy.sparse as sp
from command_line import run, succeed, testing
from tables import penguins

from fastsoftmax.cli.commands import app
from fastsoftmax.files.model_file import load_model

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

NUMBERS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year")


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A folder with penguins.csv and a model of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "penguins.csv").write_text(penguins())
    succeed("fit", "penguins.csv", "--target", "species", "--standardize")
    return tmp_path


def predictions(*arguments):
    return succeed("predict", "model.safetensors", *arguments).splitlines()


class TestPenguins:
    def test_the_model_holds_what_is_done_to_the_columns(self, job):
        model = load_model("model.safetensors")
        assert model.feature_names == (
            *NUMBERS,
            *(f"{name} is missing" for name in NUMBERS[:4]),
            "island=Biscoe",
            "island=Dream",
            "island=Torgersen",
            "sex=female",
            "sex=male",
            "sex is missing",
        )
        assert model.preprocessing is not None
        assert [column.name for column in model.preprocessing.columns] == penguins().split("\n")[0].split(",")[1:]

    def test_evaluation_and_prediction_prepare_alike(self, job):
        report = succeed("evaluate", "model.safetensors", "penguins.csv", "--target", "species")
        rows = predictions("penguins.csv", "--id", "species")
        assert rows[0] == "species,prediction,probability_Adelie,probability_Chinstrap,probability_Gentoo"
        right = np.mean([cells[0] == cells[1] for cells in (row.split(",") for row in rows[1:])])
        assert right > 0.95
        assert f"{right:.2%}" in report

    def test_columns_come_in_any_order_and_more_of_them(self, job):
        header, *rows = (line.split(",") for line in penguins().splitlines())
        order = np.random.default_rng(0).permutation(len(header))
        turned = [[f"more{i}", *np.array(cells)[order]] for i, cells in enumerate([header, *rows])]
        (job / "turned.csv").write_text("\n".join(map(",".join, turned)) + "\n")
        assert predictions("turned.csv") == predictions("penguins.csv")

    def test_a_column_that_lacks_is_named(self, job):
        lines = [line.rpartition(",")[0] for line in penguins().splitlines()]
        (job / "less.csv").write_text("\n".join(lines) + "\n")
        result = run("predict", "model.safetensors", "less.csv")
        assert result.exit_code == 1
        assert "less.csv has no column 'year', a feature of the model" in result.stderr

    def test_text_that_was_not_seen_is_told_and_counts_as_no_level(self, job):
        (job / "new.csv").write_text(penguins().replace("Dream", "Mars"))
        result = run("predict", "model.safetensors", "new.csv")
        assert result.exit_code == 0
        count = penguins().count("Dream")
        row = next(i for i, line in enumerate(penguins().splitlines()) if "Dream" in line)
        expected = (
            f"note: in column 'island' {count} cells are text that the model has not seen, such as 'Mars' in row {row}"
        )
        assert result.stderr.startswith(expected)

    def test_text_where_numbers_were_is_named(self, job):
        (job / "new.csv").write_text(penguins().replace(",2009\n", ",later\n", 1))
        result = run("predict", "model.safetensors", "new.csv")
        assert result.exit_code == 1
        row = next(i for i, line in enumerate(penguins().splitlines()) if line.endswith("2009"))
        assert f"'later' in row {row} of feature column 'year' of new.csv is no number" in result.stderr

    def test_parquet_gives_the_same_features(self, job):
        import pyarrow.csv

        parquet.write_table(
            pyarrow.csv.read_csv("penguins.csv", convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)),
            "p.parquet",
        )
        assert predictions("p.parquet") == predictions("penguins.csv")
        succeed("fit", "p.parquet", "--target", "species", "--standardize", "--out", "p.safetensors")
        for name in ("W", "b"):
            np.testing.assert_array_equal(
                getattr(load_model("p.safetensors"), name), getattr(load_model("model.safetensors"), name)
            )

    def test_standard_input(self, job):
        runner = testing.CliRunner()
        result = runner.invoke(app, ["predict", "model.safetensors", "-"], input=penguins())
        assert result.exit_code == 0
        assert result.stdout.splitlines() == predictions("penguins.csv")
        result = runner.invoke(app, ["predict", "model.safetensors", "-"], input="a,b\n1,2\n")
        assert result.exit_code == 1
        assert "error: standard input lacks 7 of the 7 features of the model" in result.stderr

    def test_standard_output(self, job):
        assert predictions("penguins.csv", "--out", "-") == predictions("penguins.csv")
        assert not (job / "-").exists()

    @pytest.mark.parametrize("options", [("c",), ("onnx",), ("sql", "--table", "penguins")])
    def test_no_export_loses_what_is_done_to_the_columns(self, job, options):
        if options[0] == "onnx":
            pytest.importorskip("onnx")
        succeed("export", "model.safetensors", "--out", "exported", "--format", *options)
        assert b"Biscoe" in (job / "exported").read_bytes()


class TestRoles:
    def test_features_are_chosen_and_columns_left_out(self, job):
        for options in (("--features", "year,island"), ("--features", "year", "--features", "island")):
            succeed("fit", "penguins.csv", "--target", "species", *options)
            assert load_model("model.safetensors").feature_names[0] == "year"
            assert len(load_model("model.safetensors").feature_names) == 4
        succeed("fit", "penguins.csv", "--target", "species", "--drop", "sex", "--drop", "island,year")
        assert load_model("model.safetensors").feature_names[:4] == NUMBERS[:4]
        result = run("fit", "penguins.csv", "--target", "species", "--drop", "sec")
        assert "penguins.csv has no column 'sec' (did you mean 'sex'?)" in result.stderr
        result = run("fit", "penguins.csv", "--target", "species", "--drop", "species")
        assert "column 'species' of penguins.csv cannot be both target and drop" in result.stderr

    def test_whole_weights_are_repeated_rows(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        rows = [(i % 5, i % 3, "ab"[i % 7 > 3], 1 + i % 2) for i in range(30)]
        text = "x,z,t,w\n" + "".join("{},{},{},{}\n".format(*row) for row in rows)
        (tmp_path / "weighted.csv").write_text(text)
        repeated = "x,z,t\n" + "".join("{},{},{}\n".format(*row) * row[3] for row in rows)
        (tmp_path / "repeated.csv").write_text(repeated)
        # The penalty is 1/(C · sum of weights), here as there.
        succeed("fit", "weighted.csv", "--target", "t", "--weight", "w", "--tol", "1e-9", "--out", "w.safetensors")
        succeed("fit", "repeated.csv", "--target", "t", "--tol", "1e-9", "--out", "r.safetensors")
        np.testing.assert_allclose(load_model("w.safetensors").W, load_model("r.safetensors").W, rtol=1e-6)

    def test_an_offset_is_added_in_fit_and_prediction(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        x, exposure = rng.normal(size=200), rng.uniform(1, 3, 200)
        counts = rng.poisson(exposure * np.exp(0.5 * x))
        rows = "".join(f"{a},{np.log(e)},{c}\n" for a, e, c in zip(x, exposure, counts, strict=True))
        (tmp_path / "d.csv").write_text("x,log_exposure,claims\n" + rows)
        options = ("--target", "claims", "--family", "poisson", "--offset", "log_exposure", "--C", "inf")
        succeed("fit", "d.csv", *options)
        model = load_model("model.safetensors")
        assert model.feature_names == ("x",)
        mean = [float(line) for line in predictions("d.csv", "--offset", "log_exposure")[1:]]
        np.testing.assert_allclose(mean, exposure * np.exp(model.W[0] * x + model.b[0]), rtol=1e-9)
        # Without a penalty the sums of means and counts agree: the offset was a part of the fit.
        np.testing.assert_allclose(np.sum(mean), counts.sum(), rtol=1e-3)

    def test_an_offset_of_softmax_is_refused(self, job):
        result = run("fit", "penguins.csv", "--target", "species", "--offset", "year")
        assert result.exit_code == 1
        assert "--offset is not for softmax, found 'year'" in result.stderr

    def test_weights_that_are_negative_or_missing(self, job):
        result = run("fit", "penguins.csv", "--target", "species", "--weight", "body_mass_g")
        assert "weight column 'body_mass_g' of penguins.csv has 3 missing values, the first in row 4" in result.stderr
        (job / "n.csv").write_text("x,t,w\n1,a,1\n2,b,-3\n")
        result = run("fit", "n.csv", "--target", "t", "--weight", "w")
        assert "weight column 'w' of n.csv must not be negative, found -3.0 in row 2" in result.stderr

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--delimiter", "#"), "--delimiter must be one of"),
            (("--encoding", "klingon"), "--encoding must be one that Python knows, found 'klingon'"),
            (("--decimal", ";"), "--decimal must be '.' or ','"),
        ],
    )
    def test_values_of_options(self, job, options, message):
        result = run("fit", "penguins.csv", "--target", "species", *options)
        assert result.exit_code == 1
        assert message in result.stderr


class TestOtherFiles:
    def test_sparse_matrix_of_scipy_with_labels_beside_it(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        X = sp.random(60, 9, 0.3, "csr", random_state=0)
        y = np.arange(60) % 3
        sp.save_npz("X.npz", X)
        np.save("y.npy", y)
        assert "60 samples × 9 features × 3 classes, float64, sparse" in succeed("fit", "X.npz", "--target", "y.npy")
        succeed("evaluate", "model.safetensors", "X.npz", "--target", "y.npy")
        result = run("fit", "X.npz", "--target", "y.npy", "--out", "y.npy", "--force")
        assert "--out must not be a file that the command reads, found y.npy" in result.stderr

    def test_svmlight_that_counts_from_zero(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "train.svm").write_text("1 0:2 1:1\n2 1:1 2:3\n" * 5)
        (tmp_path / "new.svm").write_text("0 1:1 2:5\n")
        succeed("fit", "train.svm")
        assert load_model("model.safetensors").counts_from_zero
        # Counted from one, this row would be of the first class.
        assert predictions("new.svm")[1].startswith("2,")

    @pytest.mark.parametrize("kind", ["halffloat", "float", "double"])
    def test_lists_are_embeddings(self, tmp_path, monkeypatch, kind):
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        dtype = {"halffloat": np.float16, "float": np.float32, "double": np.float64}[kind]
        values = rng.normal(size=(50, 8)).astype(dtype)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 8)
        labels = pa.array(np.array(["a", "b"])[(values[:, 0] > 0).astype(int)])
        parquet.write_table(pa.table({"embedding": lists, "label": labels, "age": pa.array(range(50))}), "d.parquet")
        output = succeed("fit", "d.parquet", "--target", "label", "--features", "embedding")
        assert f"50 samples × 8 features × 2 classes, {np.dtype(dtype)}" in output
        model = load_model("model.safetensors")
        assert model.feature_names == tuple(f"embedding[{i}]" for i in range(8))
        assert len(predictions("d.parquet")) == 51
        succeed("fit", "d.parquet", "--target", "label")
        assert load_model("model.safetensors").feature_names[-1] == "age"

    def test_lists_of_several_lengths_are_named(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        parquet.write_table(pa.table({"e": [[1.0, 2.0], [3.0]], "t": ["a", "b"]}), "d.parquet")
        result = run("fit", "d.parquet", "--target", "t")
        assert (
            "column 'e' of d.parquet must hold lists of one length, found one of 2 in row 1 and one of 1 in row 2"
            in result.stderr
        )

    def test_predictions_with_ids_are_known_again(self, job):
        succeed("predict", "model.safetensors", "penguins.csv", "--id", "species", "--out", "p.csv")
        succeed("predict", "model.safetensors", "penguins.csv", "--id", "species", "--out", "p.csv")

    def test_names_of_columns_need_columns_with_names(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        np.savez("d.npz", X=np.eye(4), y=[0, 1, 0, 1])
        result = run("fit", "d.npz", "--drop", "a")
        assert "drop names columns, and d.npz has no names of columns, found ('a',)" in result.stderr

    def test_many_files_take_features_and_weights(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "many").mkdir()
        table = pa.table({"a": [1.0, 2, 3, 4], "b": [2.0, 1, 2, 1], "w": [1.0, 2, 1, 2], "t": ["u", "v", "u", "v"]})
        parquet.write_table(table, "many/1.parquet")
        succeed("fit", "many", "--target", "t", "--features", "a", "--features", "b", "--weight", "w")
        assert load_model("model.safetensors").feature_names == ("a", "b")
        result = run("fit", "many", "--target", "t", "--drop", "w")
        assert "many files are read with --features, --weight and --offset alone" in result.stderr
