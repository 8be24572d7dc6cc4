"""An optimisation problem: the objective of a model on its data, and approximations of its curvature."""
