"""The hot loop, version by version, to learn from: ``python -m bench.kernels``."""
