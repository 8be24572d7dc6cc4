"""The classifiers as scikit-learn's users know them: names and parameters, no mathematics."""
