"""What verifiers follow: revisions under one lock, row MACs, the versioned views and the head."""
