"""A cluster of Dask for all tests of this folder."""

import pytest
from clusters import scaled, started


@pytest.fixture(scope="package")
def cluster():
    """A cluster whose workers have one thread, and its client."""
    pytest.importorskip("distributed")
    with started(1) as both:
        yield both


@pytest.fixture
def client(cluster):
    """A client of two workers."""
    scaled(*cluster, 2)
    return cluster[1]
