"""The chain of all audit events, its checkpoints outside of the database, and whether both are whole."""
