"""The command line, `keydesk`: it dispatches by name, so that a verifier's command loads no Django."""
