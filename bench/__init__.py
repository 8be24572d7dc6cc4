"""Benchmarks: one pass over the data against NumPy and what the machine can do at all, and whole fits against peers.

``python -m bench.compare`` prints the table of passes; ``python -m pytest bench/bench_loss_grad.py`` makes the same
comparison with pytest-benchmark; ``python -m bench.solvers`` times fits to a given distance from the optimum. All
need the package installed with its ``bench`` extra and run from the repository's root.
"""
