"""What every room stands on: threads, configuration, vectors."""
