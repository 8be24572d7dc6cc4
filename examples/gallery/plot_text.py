"""
Text
====

Text becomes a sparse matrix with a column for each word. It is read as it is, without a dense copy.

The texts here are the descriptions that come with scikit-learn's data sets, cut into lines. The question is which data
set a line is about.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn import datasets
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import fastsoftmax as fs

names = ["breast_cancer", "diabetes", "digits", "iris", "wine"]
lines, about = [], []
for name in names:
    text = getattr(datasets, f"load_{name}")().DESCR
    new = [line for line in text.splitlines() if len(line.split()) >= 4]
    lines += new
    about += [name] * len(new)

# %%
# A pipeline of scikit-learn's vectorizer and our classifier; five-fold cross-validation judges it.

vectorizer = TfidfVectorizer(token_pattern=r"[a-z]{3,}", stop_words="english")
model = make_pipeline(vectorizer, fs.SoftmaxRegression(C=10))
scores = cross_val_score(model, lines, about, cv=5)
print(f"{len(lines)} lines, accuracy {scores.mean():.2f}; the commonest answer alone would be right for", end=" ")
print(f"{max(about.count(name) for name in names) / len(about):.2f}")

# %%
# The largest coefficients of a class are the words that speak most for it.

model.fit(lines, about)
words = vectorizer.get_feature_names_out()
figure, axes = plt.subplots(1, len(names), figsize=(11, 3), layout="constrained", sharex=True)
for axis, name, weights in zip(axes, model[-1].classes_, model[-1].coef_, strict=True):
    strongest = np.argsort(weights)[-7:]
    axis.barh(words[strongest], weights[strongest])
    axis.set_title(name, fontsize=10)
    axis.set_xlabel("coefficient")
    axis.tick_params(labelsize=8)
figure.suptitle("Words that speak for each data set")
plt.show()
