"""The hot loop in progressive versions, for learning: ``python -m bench.kernels``."""
