"""The arguments that users pass: X in every supported form, and all others, each checked once."""
