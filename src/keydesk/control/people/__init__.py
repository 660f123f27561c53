"""Users, and the roles they have in accounts."""
