"""Who acts, and what they may do: actors, roles, permissions and the refusal."""
