"""The public functions: fits, paths of fits, passes over X, functions of logits."""
