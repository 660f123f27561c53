"""The PIN with which a person confirms a sensitive action, and the single-use grant that a correct one gives."""
