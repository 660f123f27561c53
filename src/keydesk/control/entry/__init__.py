"""How people come in by themselves: signing up, confirming an address, choosing a new password or another address."""
