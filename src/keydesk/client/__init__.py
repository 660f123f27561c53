"""Verification inside a provider's Python service: the very decision of the verifier, over the replica of its host.

`Keydesk` is what a process has of it, `Need` what a route asks for, `Identity` whom an accepted request is from. The
frameworks' own modules beside this one import their framework, and nothing here does.
"""

from keydesk.client.calls import Identity, Need, Outcome
from keydesk.client.desk import Keydesk

__all__ = ["Identity", "Keydesk", "Need", "Outcome"]
