"""Customer businesses and where they stand."""
