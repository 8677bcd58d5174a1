"""Webhooks of the gateways: whether a delivery is genuine, and which objects it speaks of."""
