"""Gateways: the port, one adapter each, and the error tree. Of the ledger they know money, and routing the form of rule files."""
