"""Where a replica's rows come from: one module a kind of source."""
