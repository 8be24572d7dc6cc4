"""What is known of one family alone. Softmax is the first: its dual ascent, its duality gap, its separated classes."""
