"""Look-alikes of payment gateways: processes of their own, with durable state, that share no code with the adapters."""
