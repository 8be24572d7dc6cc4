"""
Counts with an exposure: Poisson regression
===========================================

How many claims does an insured car have? Twice the time means twice the claims, so the logarithm of the time is an
offset: it is added to the logit, with no weight to learn.

The data are generated, so that the true rates are known. The picture compares the mean of the claims with the mean
prediction, for ages in bins.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import SplineTransformer

import fastsoftmax as fs

rng = np.random.default_rng(0)
age = rng.uniform(18, 85, 20_000)
years = rng.uniform(0.1, 1, len(age))  # how long each car was insured
rate = 0.08 + 0.25 * np.exp(-(age - 18) / 8) + 0.1 * (age > 75)
claims = rng.poisson(rate * years)

X = SplineTransformer(n_knots=8).fit_transform(age[:, None])
model = fs.PoissonRegression(alpha=1e-5).fit(X, claims, offset=np.log(years))
print(model.result_.message)

# %%
# Rates, claims for each year, are what can be compared.

edges = np.linspace(18, 85, 21)
bins = np.digitize(age, edges) - 1
centres = (edges[1:] + edges[:-1]) / 2
observed = np.bincount(bins, claims) / np.bincount(bins, years)
order = np.argsort(age)
figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
axes.plot(age[order], model.predict(X)[order], color="C1", label="predicted claims for a year")
axes.plot(age[order], rate[order], "--", color="0.5", label="the truth")
axes.plot(centres, observed, "o", label="observed claims divided by years")
axes.set(xlabel="age of the driver", ylabel="claims a year", ylim=(0, None), title="A rate that was learnt from counts")
axes.legend()
plt.show()
