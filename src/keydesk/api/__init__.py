"""What machines ask of the desk over HTTP: JSON in, JSON out, and a problem (RFC 9457) for every refusal."""
