"""A database for the tests of exports."""

import math
import sqlite3

import pytest


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("SELECT EXP(1.0)")
    except sqlite3.OperationalError:
        # SQLite may be built without its mathematical functions.
        connection.create_function("EXP", 1, lambda x: None if x is None else math.exp(x), deterministic=True)
    yield connection
    connection.close()
