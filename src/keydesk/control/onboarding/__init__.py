"""A company's application: what it tells about itself, its documents, each submission and the decision on it."""
