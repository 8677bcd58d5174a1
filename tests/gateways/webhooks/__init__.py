"""Verification and reading of webhooks."""
