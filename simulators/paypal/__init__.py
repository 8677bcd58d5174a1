"""A look-alike of PayPal's REST API: orders, payments, tokens, transaction search and signed webhooks."""
