"""Configurations that make a gateway ask the verifier about each request: a deletable folder for each gateway.

Nothing here runs beside a request. A configuration is a template with comments of its own, filled in for one place
(`site`) with the texts of the refusals that the gateway gives by itself (`refusals`).
"""
