"""HTTP: the gateways' webhooks come in here, and what other services post into the ledger."""
