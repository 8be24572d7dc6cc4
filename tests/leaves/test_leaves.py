import itertools

import numpy as np
import pytest

from fastsoftmax.leaves.cut import FEWEST_ROWS, LEAF_NUMBERS, MOST_ROWS, cut, leaf_rows
from fastsoftmax.leaves.draw import Drawn, uniform
from fastsoftmax.leaves.exact import exact_sums, rounded
from fastsoftmax.leaves.rows import Rows, join
from fastsoftmax.leaves.tree import Tree


def rows_of(start, stop):
    return Rows(np.arange(start, stop, dtype=float)[:, None], np.arange(start, stop), None, None)


def test_leaves_are_the_same_however_rows_were_divided():
    whole = [(0, rows_of(0, 100))]
    parts = [(a, rows_of(a, b)) for a, b in ((0, 3), (3, 40), (40, 41), (41, 64), (64, 100))]
    for divided in (whole, parts, parts[::-1]):
        leaves = sorted(cut(divided, 16), key=lambda leaf: leaf.number)
        assert [leaf.start for leaf in leaves] == list(range(0, 100, 16))
        for leaf in leaves:
            assert np.array_equal(leaf.rows.y, np.arange(leaf.start, min(leaf.start + 16, 100)))
            assert leaf.rows.X.flags.c_contiguous


def test_a_leaf_is_a_power_of_two_by_the_shape_alone():
    for n_features in (1, 10, 784, 5000, 10**6):
        for n_rows in (None, 1, 10**5, 10**9):
            size = leaf_rows(n_features, False, n_rows)
            assert size & (size - 1) == 0
            assert FEWEST_ROWS <= size <= MOST_ROWS
            assert size == FEWEST_ROWS or size * n_features <= LEAF_NUMBERS


@pytest.mark.bits
@pytest.mark.parametrize("n_leaves", [1, 2, 3, 7, 8, 13])
def test_the_tree_adds_the_same_pairs_in_any_order(n_leaves):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((n_leaves, 50)) * 10.0 ** rng.integers(-8, 8, (n_leaves, 50))

    def in_order(order):
        tree = Tree()
        for number in order:
            tree.add(number, (values[number].copy(), 1))
        return tree

    def recursive(level, index):
        if index << level >= n_leaves:
            return None
        if not level:
            return values[index]
        left, right = recursive(level - 1, 2 * index), recursive(level - 1, 2 * index + 1)
        return left if right is None else left + right

    expected = recursive(4, 0)
    shuffled = rng.permutation(n_leaves)
    halves = [in_order(shuffled[::2]), in_order(shuffled[1::2])]
    for tree in (in_order(range(n_leaves)), in_order(reversed(range(n_leaves))), Tree().merge(halves)):
        total, count = tree.total
        assert np.array_equal(total, expected)
        assert count == n_leaves


def test_draws_add_up_in_any_order_and_are_unbiased():
    n, wanted = 20_000, 300
    weight = np.random.default_rng(1).gamma(0.3, size=n)
    values = np.random.default_rng(2).standard_normal(n) + 1
    rows = Rows(values[:, None], np.arange(n), None, None)
    whole = Drawn.of(rows, 0, weight, wanted)
    cuts = [0, 100, 9000, n]
    parts = [Drawn.of(rows.take(slice(a, b)), a, weight[a:b], wanted) for a, b in itertools.pairwise(cuts)]
    added = parts[0] + parts[1] + parts[2]
    assert np.array_equal(added.rows.y, whole.rows.y)
    drawn, factor = whole.settled()
    assert drawn.n_rows == wanted
    # Where the weights are what is summed, every row drawn by chance adds the threshold: the sum hardly varies.
    assert abs(factor @ weight[drawn.y] / weight.sum() - 1) < 4 / np.sqrt(wanted)
    spread = np.sqrt(weight.sum() * (weight * (values / 1) ** 2).sum() / wanted) / weight.sum()
    assert abs(factor @ (weight * values)[drawn.y] - weight @ values) / weight.sum() < 4 * spread
    # A floor below the threshold changes nothing.
    assert np.array_equal(Drawn.of(rows, 0, weight, wanted, 0.5 * weight.sum() / wanted).rows.y, whole.rows.y)
    assert np.array_equal(Drawn.of(rows, 0, weight, 1000).top(wanted).rows.y, whole.rows.y)


def test_rows_of_weight_zero_are_never_drawn_and_few_rows_are_all_drawn():
    rows = rows_of(0, 10)
    drawn, factor = Drawn.of(rows, 0, np.arange(10.0), 20).settled()
    assert drawn.y.tolist() == list(range(1, 10))
    assert (factor == 1).all()


def test_the_random_numbers_are_uniform_and_depend_on_the_row_alone():
    u = uniform(0, 100_000)
    assert np.array_equal(uniform(5000, 10), u[5000:5010])
    assert 0 < u.min() < u.max() < 1
    counts = np.bincount((u * 50).astype(int))
    assert ((counts - 2000) ** 2 / 2000).sum() < 100  # χ² of 49 degrees of freedom
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.01


def test_joined_rows_are_those_that_were_cut():
    from scipy.sparse import random

    X = random(50, 8, 0.3, format="csr", random_state=0)
    rows = Rows(X, np.arange(50), np.ones(50), None)
    joined = join([rows.take(slice(0, 7)), rows.take(slice(7, 50))])
    assert (joined.X != X).nnz == 0
    assert np.array_equal(joined.y, rows.y)
    assert joined.offset is None


def test_exact_sums_depend_on_no_order_and_are_rounded_once():
    import math

    rng = np.random.default_rng(0)
    values = rng.random(3000) * 10.0 ** rng.integers(-320, 300, 3000)
    groups = rng.integers(0, 3, 3000)
    sums = exact_sums(values, groups, 3)
    parts = exact_sums(values[:17], groups[:17], 3) + exact_sums(values[17:], groups[17:], 3)
    assert (sums == parts).all()
    assert rounded(sums).tolist() == [math.fsum(values[groups == g]) for g in range(3)]
    assert rounded(exact_sums(np.full(4, 1e308), np.zeros(4, int), 1)).tolist() == [np.inf]
    assert rounded(exact_sums(None, groups, 3)).tolist() == np.bincount(groups).tolist()
