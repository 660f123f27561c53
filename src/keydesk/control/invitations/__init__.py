"""Invitations: how a person comes to be a member of an account, by a link that is mailed to them."""
