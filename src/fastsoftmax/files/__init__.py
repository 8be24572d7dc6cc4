"""Tables, model files, and how files are written."""
