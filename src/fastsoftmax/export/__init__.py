"""A fitted model for other programs: ONNX, C, SQL and scikit-learn's own class."""
