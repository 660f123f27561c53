"""The pages for customers: each parses, calls one action or query, and renders."""
