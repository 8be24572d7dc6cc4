"""Figures show the numbers that they were given, are legible, and change no global state."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.cli import pictures
from fastsoftmax.cli.metrics import class_indices, evaluate, percent
from fastsoftmax.files.model_file import Model
from fastsoftmax.fitting.calibration import calibration

matplotlib = pytest.importorskip("matplotlib")
image = pytest.importorskip("matplotlib.image")
plot = pytest.importorskip("fastsoftmax.cli.plot")
plot_training = pytest.importorskip("fastsoftmax.cli.plot_training")
plot_evaluation = pytest.importorskip("fastsoftmax.cli.plot_evaluation")


def fitted(n_classes, n_features=16, names=None):
    rng = np.random.default_rng(0)
    y = np.arange(40 * n_classes) % n_classes
    X = rng.normal(size=(len(y), n_features)) + rng.normal(size=(n_classes, n_features))[y]
    result = fs.fit(X, y, l2=1e-2)
    names = np.arange(n_classes) if names is None else np.array(names)
    model = Model(result.W, result.b, names)
    return result, model, evaluate(model, X, names[y])


def cut(figure):
    """Whether something is drawn beyond the figure's edge."""
    figure.canvas.draw()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return drawn.x0 < 0 or drawn.y0 < 0 or drawn.x1 > width or drawn.y1 > height


def overlapping(figure):
    """Pairs of overlapping texts, among titles, axis labels, tick labels and other texts."""
    figure.canvas.draw()
    boxes = {}
    for axes in figure.findobj(matplotlib.axes.Axes):
        titles = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        ticks = [label for axis in (axes.xaxis, axes.yaxis) for label in visible_tick_labels(axis)]
        for text in titles + ticks + list(axes.texts):
            drawn = text.get_visible() and text.get_text() and (axes.axison or text in titles[:2])
            # Texts at other angles do not fill their boxes.
            if drawn and not text.get_rotation() % 90:
                boxes[text] = text.get_window_extent().padded(-1)
    texts = list(boxes)
    return [
        (one.get_text(), other.get_text())
        for position, one in enumerate(texts)
        for other in texts[:position]
        if boxes[one].overlaps(boxes[other])
    ]


def visible_tick_labels(axis):
    low, high = sorted(axis.get_view_interval())
    return [
        tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_visible()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 10, 30, 100])
@pytest.mark.parametrize("image_shape", [(4, 4), (2, 8), None])
def test_training_figure_is_legible(n_classes, image_shape):
    result, model, evaluation = fitted(n_classes)
    figure = plot_training.training_figure(result, evaluation.confusion, model.classes, model.W, image_shape)
    assert not cut(figure)
    assert not overlapping(figure)


LONG = [f"category {k // 10} of the long list, kind {k % 10}" for k in range(100)]


@pytest.mark.parametrize(
    "names", [["$x^2", "c"], ["a class of a name too long", "$x^2", "c"], LONG[:10], LONG[:20], range(100), LONG]
)
def test_evaluation_figure_is_legible(names):
    _, _, evaluation = fitted(len(names), names=names)
    figure = plot_evaluation.evaluation_figure(evaluation)
    assert not cut(figure)
    assert not overlapping(figure)
    confusion = next(axes for axes in figure.axes if axes.get_title(loc="left").startswith("Confusion"))
    shown = [label.get_text() for label in confusion.get_yticklabels()]
    assert len(shown) == len(set(shown)) == len(names)


def test_the_reliability_diagram_has_intervals():
    _, _, evaluation = fitted(3)
    reliability = plot_evaluation.evaluation_figure(evaluation).axes[0]
    (bars,) = reliability.containers
    rows = evaluation.reliability
    line, _, (whiskers,) = bars
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([rows["confidence"], rows["accuracy"]]))
    ends = np.array([[segment[0][1], segment[1][1]] for segment in whiskers.get_segments()])
    np.testing.assert_allclose(ends, np.column_stack([rows["low"], rows["high"]]), atol=1e-12)


def test_thresholds_are_those_of_the_evaluation():
    _, _, evaluation = fitted(2)
    thresholds = plot_evaluation.evaluation_figure(evaluation).axes[-1]
    rows = evaluation.thresholds
    for line, field in zip(thresholds.lines, ("precision", "recall", "f1"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), rows["threshold"])
        np.testing.assert_array_equal(line.get_ydata(), rows[field])


def test_the_loss_above_its_minimum():
    result, model, evaluation = fitted(3)
    minimum = result.loss - 1e-6
    figure = plot_training.training_figure(result, evaluation.confusion, model.classes, model.W, minimum=minimum)
    loss = figure.axes[0]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), result.history["loss"] - minimum)
    assert loss.get_yscale() == "log"
    assert not cut(figure)


@pytest.mark.parametrize("n_classes", [2, 100])
@pytest.mark.parametrize("names", [None, LONG[:16]])
def test_path_figure_is_legible(n_classes, names):
    plot_path = pytest.importorskip("fastsoftmax.cli.plot_path")
    walking = pytest.importorskip("fastsoftmax.cli.walking")
    points = []
    for C in (0.1, 1.0, 10.0):
        result, model, _ = fitted(n_classes)
        names_of = None if names is None else tuple(names)
        points.append(walking.Point(C, result, Model(C * model.W, model.b, model.classes, names_of), 1 / C))
    figure = plot_path.path_figure(points, softmax=True)
    assert not cut(figure)
    weights = figure.axes[0]
    shown = [text.get_text() for text in weights.texts]
    assert len(shown) == len(set(shown)) == 12
    for C, column in zip((0.1, 1.0, 10.0), range(3), strict=True):
        # The last line is the axis.
        norms = [line.get_ydata()[column] for line in weights.lines[:-1]]
        np.testing.assert_allclose(sorted(norms), sorted(C * np.linalg.norm(points[1].model.W, axis=0)))


def test_scores_figure_marks_the_best():
    plot_path = pytest.importorskip("fastsoftmax.cli.plot_path")
    scores = np.array([[[1.0, 3.0, 2.0], [0.0, 1.0, 4.5]], [[1.0, 3.0, 2.0], [0.0, 1.0, 4.5]]])
    figure = plot_path.scores_figure(np.array([0.1, 1, 10]), np.array([0.0, 1.0]), scores, "accuracy")
    assert not cut(figure)
    assert figure.axes[0].lines[-1].get_xydata().tolist() == [[10.0, 4.5]]


@pytest.mark.parametrize("others", [0.0, 1.5])
def test_a_disturbed_race_tells_no_ratio(others):
    plot_speed = pytest.importorskip("fastsoftmax.cli.plot_speed")
    speed = pytest.importorskip("fastsoftmax.cli.speed")
    timing = speed.Timing((10, 20, 3), [0.03, 0.02, 0.9], [0.01, 0.01, 0.02], 1e-7, others)
    figure = plot_speed.speed_figure([timing, timing])
    assert not cut(figure)
    assert not overlapping(figure)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert all(("3.0 times as fast" in title) is (others == 0) for title in titles)
    assert ("no ratio is told" in speed.load_in_words([timing])) is (others > 0)


def test_what_is_cut_or_overlaps_is_found():
    figure = plot.new_figure((3, 3))
    axes = figure.add_subplot()
    axes.text(0.5, 0.5, "one", in_layout=True)
    assert not cut(figure)
    axes.text(0.52, 0.5, "two")
    assert overlapping(figure) == [("two", "one")]
    figure.text(0.95, 0.5, "a long text")
    assert cut(figure)


def test_training_figure_shows_loss_confusion_and_weights():
    result, model, evaluation = fitted(10)
    figure = plot_training.training_figure(result.history, evaluation.confusion, model.classes, model.W, (4, 4))
    loss, confusion, weights = figure.axes[:3]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), result.history["n_passes"])
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), result.history["loss"])
    assert "passes" in loss.get_xlabel()
    assert "nats" in loss.get_ylabel()
    shares = evaluation.confusion / evaluation.confusion.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(confusion.images[0].get_array(), shares)
    numbers = {text.get_position()[::-1]: text.get_text() for text in confusion.texts}
    assert numbers == {(i, k): percent(shares[i, k]) for i, k in np.argwhere(evaluation.confusion)}
    pictures = weights.child_axes
    assert len(pictures) == 10
    np.testing.assert_array_equal(pictures[3].images[0].get_array(), model.W[3].reshape(4, 4))
    assert {picture.images[0].get_clim() for picture in pictures} == {(-np.abs(model.W).max(), np.abs(model.W).max())}


def test_the_loss_axis_is_logarithmic_where_that_helps():
    result, model, evaluation = fitted(3)
    history = result.history.copy()
    for last, scale in ((0.01, "log"), (0.9, "linear"), (0.0, "linear")):
        history["loss"] = np.linspace(1.0, last, len(history))
        figure = plot_training.training_figure(history, evaluation.confusion, model.classes, model.W)
        assert figure.axes[0].get_yscale() == scale


def test_wrong_image_shape():
    result, model, evaluation = fitted(3)
    with pytest.raises(ValueError, match=r"image_shape must have 16 pixels, found \(4, 5\)"):
        plot_training.training_figure(result, evaluation.confusion, model.classes, model.W, (4, 5))


def test_weights_of_zero_can_be_drawn():
    result, _, evaluation = fitted(3)
    figure = plot_training.training_figure(result, evaluation.confusion, np.arange(3), np.zeros((3, 16)), (4, 4))
    figure.canvas.draw()


def test_saved_png(tmp_path):
    _, _, evaluation = fitted(3)
    pictures.save_figure(tmp_path / "e.png", plot_evaluation.evaluation_figure(evaluation))
    pixels = image.imread(tmp_path / "e.png")
    assert pixels.shape[0] > 600
    assert pixels.std() > 0.05
    assert os.listdir(tmp_path) == ["e.png"]


def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    _, _, evaluation = fitted(3)
    figure = plot_evaluation.evaluation_figure(evaluation)

    def fail(path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        pictures.save_figure(tmp_path / "e.png", figure)
    assert os.listdir(tmp_path) == []


def test_no_global_state(tmp_path):
    code = """if True:
        import sys, matplotlib
        before = matplotlib.rcParams.copy()
        from fastsoftmax.cli import pictures, plot
        pictures.save_figure(sys.argv[1], plot.new_figure((2, 2)))
        assert "matplotlib.pyplot" not in sys.modules
        # Reading rcParams["backend"] would choose a backend.
        assert all(matplotlib.rcParams[key] == before[key] for key in before if key != "backend")
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "f.png")], check=True, cwd=tmp_path)


class TestMetrics:
    def test_against_scikit_learn(self):
        from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(200, 5)), rng.choice(["x", "y", "z"], 200)
        model = Model(rng.normal(size=(3, 5)), rng.normal(size=3), np.array(["z", "x", "y"]))
        found = evaluate(model, X, y)
        assert found.accuracy == accuracy_score(y, model.predict(X))
        in_order = model.predict_proba(X)[:, [1, 2, 0]]
        assert found.log_loss == pytest.approx(log_loss(y, in_order, labels=["x", "y", "z"]), rel=1e-12)
        np.testing.assert_array_equal(found.confusion, confusion_matrix(y, model.predict(X), labels=model.classes))
        assert found.confusion.sum() == found.bins["count"].sum() == found.n_samples == 200

    def test_log_loss_of_a_probability_that_rounds_to_zero(self):
        model = Model(np.array([[0.0], [1000.0]]), np.zeros(2), np.array([0, 1]))
        assert evaluate(model, np.ones((1, 1), dtype=np.float32), np.array([0])).log_loss == pytest.approx(1000)

    def test_calibration_by_hand(self):
        confidence = np.array([0.95, 0.97, 0.5, 0.52, 0.52, 1.0])
        correct = np.array([True, False, True, False, False, True])
        bins, error = calibration(confidence, correct)
        assert bins["count"].tolist() == [0] * 7 + [3] + [0] * 6 + [3]
        assert bins["accuracy"][[7, 14]] == pytest.approx([1 / 3, 2 / 3])
        assert bins["confidence"][[7, 14]] == pytest.approx([1.54 / 3, 2.92 / 3])
        assert np.isnan(bins["accuracy"][0])
        assert error == pytest.approx((abs(1 - 1.54) + abs(2 - 2.92)) / 6)

    def test_an_edge_belongs_to_the_bin_below(self):
        bins, _ = calibration(np.array([1 / 15, 1.0, 0.0]), np.ones(3, dtype=bool))
        assert np.flatnonzero(bins["count"]).tolist() == [0, 14]

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            ([0, 5], "a label that the model does not know: 5; its classes are 0, 1"),
            (["0", "1"], "2 labels that the model does not know: '0', '1'; its classes are 0, 1"),
        ],
    )
    def test_unknown_labels(self, labels, message):
        with pytest.raises(ValueError, match=message):
            class_indices(np.array(labels), np.array([0, 1]))

    def test_labels_that_are_equal_are_the_same(self):
        assert class_indices(np.array([1.0, 0.0, 1.0]), np.array([1, 0])).tolist() == [0, 1, 0]


def test_our_pictures_are_known(tmp_path):
    figure = matplotlib.figure.Figure()
    pictures.save_figure(tmp_path / "ours.png", figure)
    figure.savefig(tmp_path / "other.png")
    (tmp_path / "text.png").write_text("fastsoftmax")
    assert [pictures.holds_picture(tmp_path / f"{name}.png") for name in ("ours", "other", "text")] == [
        True,
        False,
        False,
    ]
