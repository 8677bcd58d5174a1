"""The simulators, held against what the real gateways promise."""
