"""What all other packages build on: threads, configuration, precision, vectors."""
