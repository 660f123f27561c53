"""Mail that is to be sent: written with the change that it tells of, sent by the worker."""
