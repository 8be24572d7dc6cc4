"""Pictures of fitted estimators, with the interface of scikit-learn's displays; matplotlib is imported on use."""
