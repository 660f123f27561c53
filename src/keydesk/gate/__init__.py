"""From a request's raw headers to what is asked, and from a decision to its answer: shared by all doors."""
