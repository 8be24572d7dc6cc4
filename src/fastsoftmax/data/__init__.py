"""Data as users have them: X of any kind, and every other argument, judged once."""
