"""
Which features speak for which class?
=====================================

A coefficient is the weight of a feature for a class. With ``standardize=True`` the model is trained on features of one
scale; multiplied by the deviation of its feature, a coefficient says what a usual change of that feature does.

``CoefficientDisplay`` draws them: red speaks for the class, blue against it.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine

import fastsoftmax as fs

data = load_wine(as_frame=True)
model = fs.SoftmaxRegression(standardize=True).fit(data.data, data.target_names[data.target])
strength = model.coef_ * data.data.std().to_numpy()

display = fs.CoefficientDisplay(strength, feature_names=data.feature_names, output_names=model.classes_)
display.plot(n_features=10)
display.ax_.set_title("What a usual change of a feature does to each logit", loc="left")
plt.show()
