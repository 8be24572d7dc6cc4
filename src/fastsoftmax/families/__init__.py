"""What holds for one family only. Softmax is the first: its dual ascent, its duality gap, its separated classes."""
