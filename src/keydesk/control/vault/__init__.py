"""Sealing keys so that they can be shown again: data keys for each account, wrapped by the key-encryption key."""
