"""The Console, for the provider's internal team: each page parses, calls one action or query, and renders."""
