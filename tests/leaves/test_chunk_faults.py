import numpy as np
import pytest
from chunked import N, in_chunks
from problems import noisy

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression
from fastsoftmax.chunks import from_arrays

X, Y = noisy(N)
WEIGHT = np.ones(N)


def faulty(index, *chunk):
    """Return three chunks, one of which is another one."""
    chunks = [(X[a : a + 2000], Y[a : a + 2000]) for a in (0, 2000, 4000)]
    chunks[index] = chunk
    return from_arrays(chunks)


def test_empty_chunks_are_skipped_and_all_empty_are_refused():
    empty = X[:0], Y[:0]
    with pytest.raises(ValueError, match="must hold samples, found 2 chunks, all of them empty"):
        fs.fit(from_arrays([empty, empty]))
    only = from_arrays([empty, (X, Y), empty])
    assert fs.fit(only, l2=0.1).loss == fs.fit(from_arrays([(X, Y)]), l2=0.1).loss


def with_entry(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


FAULTS = {
    "NaN": ((with_entry(X[:99], (7, 2), np.nan), Y[:99]), "chunk 1: Input X contains NaN at row 7, column 2"),
    "label": ((X[:99], with_entry(Y[:99], 5, -1)), "chunk 1: y must hold class indices .* found -1 at row 5"),
    "rows": ((X[:99], Y[:98]), "chunk 1: y must have one row for each of the 99 samples"),
    "columns": ((X[:99, :4], Y[:99]), "chunk 1: X must have 10 features, found shape"),
    "dtype": ((X[:99].astype(np.float32), Y[:99]), "chunk 1: must have 10 features of float64.* found .*float32"),
    "kind of y": ((X[:99], Y[:99] * 1.0), "chunk 1: must have .* kind 'i' .* found .* kind 'f'"),
    "weights": ((X[:99], Y[:99], np.ones(99)), "chunk 1: must have .* no sample_weight.* found .* a sample_weight"),
    "negative": ((X[:99], Y[:99], -np.ones(99)), "chunk 1: sample_weight must be finite and not negative.* at row 0"),
    "offset": ((X[:99], Y[:99], None, np.ones((98, 4))), "chunk 1: offset must have one row for each"),
    "no tuple": ((X[:99],), "chunk 1: must be .X, y."),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_chunk_that_is_not_right_is_named(fault):
    chunk, message = fault
    with pytest.raises(ValueError, match=message):
        fs.fit(faulty(1, *chunk), l2=0.1)


def test_a_class_of_one_chunk_alone_is_known_everywhere():
    y = np.where(np.arange(N) < 4000, Y % 2, 2 + Y % 2)
    assert fs.fit(in_chunks(X, y), l2=1e-2).W.shape == (4, 10)
    names = np.array(["a", "b", "c", "d"])[y]
    assert SoftmaxRegression().fit(in_chunks(X, names)).classes_.tolist() == ["a", "b", "c", "d"]


def test_labels_that_are_missing_are_named():
    names = np.array(["a", "b"], dtype=object)[Y % 2]
    names[10] = None
    with pytest.raises(ValueError, match=r"chunk 2: Input y contains NaN .* found None at row 10"):
        SoftmaxRegression().fit(faulty(2, X[:99], names[:99]))


def test_weights_that_are_all_zero_and_one_class_alone_are_refused():
    with pytest.raises(ValueError, match="sample_weight must not be zero for all samples"):
        fs.fit(in_chunks(X, Y, 0 * WEIGHT))
    with pytest.raises(ValueError, match="at least two classes, found only class 0"):
        fs.fit(in_chunks(X, 0 * Y))
    with pytest.raises(ValueError, match="one class only: 'a'"):
        SoftmaxRegression().fit(in_chunks(X, np.full(N, "a")))
    with pytest.raises(ValueError, match="found 1000000000, which makes 1000000001 classes of 6000 samples"):
        fs.fit(in_chunks(X, Y * 0 + 10**9))


def test_rows_that_change_between_passes_are_noticed():
    class Changing:
        n_features, n_read = 10, 0

        def __len__(self):
            return 2

        def __getitem__(self, index):
            rows = slice(3000 * index, 3000 * index + 3000)
            self.n_read += 1
            return X[rows], (Y[rows] + (self.n_read > 8)) % 4

    with pytest.raises(ValueError, match=r"chunk \d has changed since the pass before"):
        fs.fit(Changing(), l2=0.01)


def test_a_reader_that_fails_ends_the_fit_with_its_words():
    class Failing:
        n_features, n_read = 10, 0

        def __len__(self):
            return 2

        def __getitem__(self, index):
            self.n_read += 1
            if self.n_read > 6:
                raise OSError("the network is gone")
            return X[:3000], Y[:3000]

    with pytest.raises(OSError, match="the network is gone"):
        fs.fit(Failing(), l2=0.01)
