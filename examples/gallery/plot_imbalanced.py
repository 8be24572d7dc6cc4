"""
Imbalanced classes
==================

One sample in twenty is of the class that matters. ``class_weight="balanced"`` finds more of them, at the price of more
false alarms. Is the model better, then?

The picture says no. Both models lie on nearly the same curve of precision over recall; the weights only choose another
point of it. Choosing a threshold for the unweighted model does the same, and its probabilities stay true.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.metrics import precision_recall_curve, precision_score, recall_score
from sklearn.model_selection import train_test_split

import fastsoftmax as fs

X, y = make_classification(
    20_000, 20, n_informative=8, n_clusters_per_class=1, weights=[0.95], class_sep=0.9, flip_y=0.02, random_state=1
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
for class_weight, style in ((None, "-"), ("balanced", "--")):
    model = fs.SoftmaxRegression(class_weight=class_weight).fit(X_train, y_train)
    rare = model.predict_proba(X_test)[:, 1]
    precision, recall, _ = precision_recall_curve(y_test, rare)
    (line,) = axes.plot(recall, precision, style, label=f"class_weight={class_weight!r}, all thresholds")
    point = recall_score(y_test, rare > 0.5), precision_score(y_test, rare > 0.5)
    axes.plot(*point, "o", color=line.get_color(), markersize=9, label="… its own threshold, 0.5")
    print(f"class_weight={class_weight!r}: mean probability {rare.mean():.3f}, true share {y_test.mean():.3f}")

axes.set(xlabel="recall: share of the rare class that is found", ylabel="precision: share of alarms that are right")
axes.set(xlim=(0, 1.02), ylim=(0, 1.02), title="Class weights choose a point, not a better curve")
axes.legend(fontsize=9, loc="lower left")
plt.show()
