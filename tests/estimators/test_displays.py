"""Displays show the numbers of the estimator, with names that stay different, at any number of classes."""

import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from problems import make_problem
from python_process import run
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import fastsoftmax as fs
from fastsoftmax import CoefficientDisplay, PathDisplay, ReliabilityDisplay
from fastsoftmax.estimators.displays.paths import moved_apart
from fastsoftmax.fitting.calibration import calibration, reliability


@pytest.fixture(autouse=True)
def figures():
    """Draw without a window, and leave no figure open."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def fitted(n_classes, n_features=30, **parameters):
    """A classifier of few samples, with long names that begin alike."""
    p = make_problem(4 * n_classes + 60, n_features, n_classes)
    p.y[:n_classes] = np.arange(n_classes)
    names = np.array([f"the class with the number {k:03d}" for k in range(n_classes)])
    frame = pd.DataFrame(p.X, columns=[f"the width of the ${j}$ in cm" for j in range(n_features)])
    return fs.SoftmaxRegression(max_iter=20, **parameters).fit(frame, names[p.y]), frame, names[p.y]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestCoefficients:
    @pytest.mark.parametrize("n_classes", [3, 10, 20, 100])
    def test_a_matrix_shows_the_strongest_features_of_each_class(self, n_classes):
        model, _, _ = fitted(n_classes)
        display = CoefficientDisplay.from_estimator(model, n_features=12)
        shown = display.ax_.images[0].get_array()
        order = np.argsort(-np.abs(model.coef_).max(axis=0))[:12]
        np.testing.assert_array_equal(shown, model.coef_[:, order].T)
        limit = display.ax_.images[0].norm
        assert limit.vmin == -limit.vmax == -np.abs(shown).max()
        names, classes = ticks(display.ax_.yaxis), ticks(display.ax_.xaxis)
        assert len(set(names)) == len(names) == 12
        assert len(set(classes)) == len(classes) == n_classes
        assert [name[-10:] for name in classes] == [name[-10:] for name in model.classes_]

    def test_what_has_no_room_is_left_out_and_nothing_overlaps(self):
        from matplotlib import pyplot

        model, _, _ = fitted(100)
        figure, axes = pyplot.subplots(figsize=(5, 4), layout="constrained")
        display = CoefficientDisplay.from_estimator(model, ax=axes, n_features=30)
        assert display.figure_ is figure
        figure.draw_without_rendering()
        for axis, side in ((axes.xaxis, "x"), (axes.yaxis, "y")):
            boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
            assert 5 < len(boxes) <= 50
            ends = sorted((getattr(box, f"{side}0"), getattr(box, f"{side}1")) for box in boxes)
            assert all(end <= begin + 0.5 for (_, end), (begin, _) in pairwise(ends))

    def test_bars_of_two_classes_speak_for_the_second(self):
        model, _, _ = fitted(2, n_features=5)
        display = CoefficientDisplay.from_estimator(model)
        widths = [bar.get_width() for bar in display.ax_.patches]
        np.testing.assert_allclose(widths, model.coef_[0, np.argsort(-np.abs(model.coef_[0]))])
        assert "speaks for the class with the number 001" in display.ax_.get_xlabel()
        assert all(r"\$" in name for name in ticks(display.ax_.yaxis))
        display.figure_.draw_without_rendering()

    def test_regressions_and_labels_have_coefficients_too(self):
        p = make_problem(60, 4, 3)
        poisson = fs.PoissonRegression().fit(p.X, p.y)
        bars = CoefficientDisplay.from_estimator(poisson.sparsify()).ax_
        assert len(bars.patches) == 4
        assert bars.get_xlabel() == "coefficient"
        two = fs.PoissonRegression().fit(p.X, np.column_stack([p.y, p.y]))
        assert CoefficientDisplay.from_estimator(two).ax_.images[0].get_array().shape == (4, 2)
        many = fs.MultilabelRegression().fit(p.X, p.y)
        assert ticks(CoefficientDisplay.from_estimator(many).ax_.xaxis) == ["0", "1", "2"]

    def test_names_come_through_a_pipeline(self):
        p = make_problem(60, 2, 3)
        frame = pd.DataFrame(p.X, columns=["a", "b"])
        pipe = make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), fs.SoftmaxRegression())
        display = CoefficientDisplay.from_estimator(pipe.fit(frame, p.y))
        assert sorted(ticks(display.ax_.yaxis)) == ["a", "a b", "a^2", "b", "b^2"]
        assert ticks(CoefficientDisplay.from_estimator(pipe[-1]).ax_.yaxis)[0][0] == "x"
        search = GridSearchCV(pipe, {"softmaxregression__C": [0.1, 1.0]}, cv=2).fit(frame, p.y)
        found = CoefficientDisplay.from_estimator(search)
        np.testing.assert_array_equal(found.coef, search.best_estimator_[-1].coef_)
        assert found.feature_names == display.feature_names

    def test_bad_arguments_are_named(self):
        p = make_problem(60, 4, 3)
        model = fs.SoftmaxRegression().fit(p.X, p.y)
        with pytest.raises(ValueError, match="feature_names must have 4 names, found 2"):
            CoefficientDisplay.from_estimator(model, feature_names=["a", "b"])
        with pytest.raises(ValueError, match="n_features must be positive, found 0"):
            CoefficientDisplay.from_estimator(model, n_features=0)
        with pytest.raises(ValueError, match="must be one of fastsoftmax, .* found LogisticRegression"):
            CoefficientDisplay.from_estimator(LogisticRegression().fit(p.X, p.y))
        with pytest.raises(ValueError, match="output_names must have 3 names, found 1"):
            CoefficientDisplay(model.coef_, output_names=["a"])


def searched(n_classes, **parameters):
    p = make_problem(40 * n_classes, 14, n_classes)
    names = np.array([f"kind {k}" for k in range(n_classes)])
    frame = pd.DataFrame(p.X, columns=[f"feature {j}" for j in range(14)])
    model = fs.SoftmaxRegressionCV(Cs=[0.01, 1.0, 0.1], cv=2, tol=1e-6, **parameters).fit(frame, names[p.y])
    return model


class TestPaths:
    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("label", [None, 0, 1])
    def test_lines_are_means_of_the_folds(self, n_classes, label):
        model = searched(n_classes, l1_ratios=[0.0, 0.5])
        name = None if label is None else model.classes_[label]
        display = PathDisplay.from_estimator(model, class_label=name, n_features=4)
        r = list(model.l1_ratios_).index(model.l1_ratio_)
        paths = model.coefs_paths_[:, r, :, :, :14].mean(axis=0)[[0, 2, 1]]
        if n_classes == 2:
            expected = paths[:, 0] if label != 0 else -paths[:, 0]
        else:
            expected = np.linalg.norm(paths, axis=1) if label is None else paths[:, label]
        np.testing.assert_array_equal(display.strengths, [0.01, 0.1, 1.0])
        np.testing.assert_allclose(display.coefs, expected)
        lines = [line for line in display.ax_.lines if len(line.get_xdata()) == 3]
        assert len(lines) == 14
        assert f"chosen: {model.C_:.3g}" in [text.get_text() for text in display.ax_.texts]
        strongest = np.argsort(-np.abs(expected).max(axis=0))[:4]
        assert [text.get_text() for text in display.ax_.texts][-4:] == [f"feature {j}" for j in strongest]
        assert f"l1_ratio = {model.l1_ratio_:.3g}" in display.ax_.get_title(loc="left")

    def test_a_path_of_the_functional_interface_ends_at_its_weakest_penalty(self):
        p = make_problem(100, 5, 3)
        path = fs.path(p.X, p.y, l1s=[0.0, 0.1, 0.01])
        display = PathDisplay.from_path(path)
        np.testing.assert_array_equal(display.strengths, [0.1, 0.01, 0.0])
        np.testing.assert_allclose(display.coefs, np.linalg.norm(path.W[[1, 2, 0]], axis=1))
        assert display.ax_.get_xlim() == (0.1, 0.0)
        assert display.ax_.get_xlabel().startswith("l1:")
        one = PathDisplay.from_path(fs.path(p.X, p.y, l2s=[1.0, 0.1]), output=2)
        assert one.ax_.get_xlabel().startswith("l2:")
        assert one.ax_.get_ylabel() == "coefficient, of output 2"
        display.figure_.draw_without_rendering()

    def test_names_at_the_ends_do_not_overlap(self):
        heights = np.array([0.5, 0.1, 0.5, 0.52, 0.9])
        moved = moved_apart(heights, 0.05)
        assert (np.diff(np.sort(moved)) >= 0.05 - 1e-12).all()
        np.testing.assert_allclose(moved[[1, 4]], [0.1, 0.9])
        assert moved[[0, 2, 3]].mean() == pytest.approx(heights[[0, 2, 3]].mean())
        assert moved[3] > moved[2] > moved[0]

    def test_bad_arguments_are_named(self):
        p = make_problem(60, 4, 3)
        with pytest.raises(
            ValueError, match="must be a SoftmaxRegressionCV, which has a path, found SoftmaxRegression"
        ):
            PathDisplay.from_estimator(fs.SoftmaxRegression().fit(p.X, p.y))
        with pytest.raises(ValueError, match="class_label must be one of the classes, found 'kind 9'"):
            PathDisplay.from_estimator(searched(3), class_label="kind 9")
        with pytest.raises(ValueError, match="output must be from 0 to 2, found 3"):
            PathDisplay.from_path(fs.path(p.X, p.y, l2s=[1.0]), output=3)


BAD_PREDICTIONS = {
    "one column": (dict(y_prob=np.ones(4)), r"y_prob must have a column for each class, found shape \(4,\)"),
    "lengths": (dict(y_true=[0, 1]), r"y_true must have a label for each of the 4 samples, found \(2,\)"),
    "logits": (dict(y_prob=np.full((4, 2), -3.0)), "y_prob must hold probabilities, from 0 to 1"),
    "nan": (dict(y_prob=np.full((4, 2), np.nan)), "y_prob must hold probabilities, from 0 to 1"),
    "labels": (dict(y_true=[0, 1, 2, 1]), "y_true must hold the classes alone, found 2"),
    "classes": (dict(classes=["a"]), "classes must have a label for each of the 2 columns"),
    "class": (dict(class_label=7), "class_label must be one of the classes, found 7"),
    "bins": (dict(n_bins=0), "n_bins must be positive, found 0"),
}


class TestReliability:
    @pytest.mark.parametrize("n_classes", [2, 10])
    def test_points_are_the_accuracy_of_each_bin(self, n_classes):
        p = make_problem(2000, 4, n_classes)
        names = np.array([f"kind {k}" for k in range(n_classes)])
        model = make_pipeline(StandardScaler(), fs.SoftmaxRegression()).fit(p.X[:200], names[p.y[:200]])
        display = ReliabilityDisplay.from_estimator(model, p.X, names[p.y], name="ours")
        probability = model.predict_proba(p.X).max(axis=1)
        bins, error = calibration(probability, model.predict(p.X) == names[p.y])
        np.testing.assert_array_equal(display.bins, reliability(bins))
        points = display.ax_.containers[0][0]
        np.testing.assert_array_equal(points.get_xdata(), display.bins["confidence"])
        np.testing.assert_array_equal(points.get_ydata(), display.bins["accuracy"])
        (_, words) = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert words == f"ours: calibration error {error:.3f}, 2,000 samples"
        assert display.bins["count"].sum() == 2000
        display.figure_.draw_without_rendering()

    def test_one_class_of_many_fills_the_picture(self):
        p = make_problem(3000, 6, 30)
        model = fs.SoftmaxRegression(C=0.01).fit(p.X, p.y)
        display = ReliabilityDisplay.from_estimator(model, p.X, p.y, class_label=model.classes_[2])
        assert len(display.bins) >= 4
        assert display.ax_.get_xlim()[1] < 0.7
        assert display.ax_.get_xlabel() == "probability of 2"
        share = np.average(display.bins["accuracy"], weights=display.bins["count"])
        assert share == pytest.approx((p.y == 2).mean())

    def test_two_displays_share_axes_in_two_colours(self):
        p = make_problem(400, 4, 3)
        probabilities = p.Y / p.Y.sum(axis=1, keepdims=True)
        first = ReliabilityDisplay.from_predictions(p.y, probabilities)
        second = ReliabilityDisplay.from_predictions(p.y, np.full((400, 3), 1 / 3), ax=first.ax_, name="b")
        assert second.ax_ is first.ax_
        one, two = (container[0].get_color() for container in first.ax_.containers)
        assert one != two
        assert len(first.ax_.get_legend().get_texts()) == 3

    @pytest.mark.parametrize("case", BAD_PREDICTIONS)
    def test_bad_arguments_are_named(self, case):
        arguments, message = BAD_PREDICTIONS[case]
        with pytest.raises(ValueError, match=message):
            ReliabilityDisplay.from_predictions(**{"y_true": [0, 1, 0, 1], "y_prob": np.full((4, 2), 0.5), **arguments})


def test_bins_of_few_samples_are_merged_and_have_intervals():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(size=300) ** 3
    right = rng.uniform(size=300) < confidence
    bins, error = calibration(confidence, right)
    merged = reliability(bins)
    assert (merged["count"] >= 20).all()
    assert len(merged) < (bins["count"] > 0).sum()
    assert merged["count"].sum() == 300
    assert np.average(merged["accuracy"], weights=merged["count"]) == pytest.approx(right.mean())
    assert np.average(merged["confidence"], weights=merged["count"]) == pytest.approx(confidence.mean())
    assert (merged["low"] <= merged["accuracy"]).all()
    assert (merged["accuracy"] <= merged["high"]).all()
    assert (merged["to"][:-1] <= merged["from"][1:] + 1e-12).all()
    few, _ = calibration(confidence[:5], right[:5])
    assert len(reliability(few)) == 1
    assert error > 0


def test_displays_import_matplotlib_on_use():
    done = run(
        "import sys, fastsoftmax as fs\n"
        "fs.CoefficientDisplay, fs.PathDisplay, fs.ReliabilityDisplay\n"
        "assert 'matplotlib' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_matplotlib_that_is_missing_is_named(monkeypatch):
    p = make_problem(60, 4, 3)
    model = fs.SoftmaxRegression().fit(p.X, p.y)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="displays need matplotlib: pip install matplotlib"):
        CoefficientDisplay.from_estimator(model)
