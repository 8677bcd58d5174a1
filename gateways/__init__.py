"""Gateways: the port, one adapter each, and the error tree. Imports only `ledger.money` of ours."""
