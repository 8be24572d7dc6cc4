"""The scikit-learn classifiers: names and parameters, no mathematics."""
