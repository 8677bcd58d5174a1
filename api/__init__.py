"""HTTP: the gateways' webhooks come in here."""
