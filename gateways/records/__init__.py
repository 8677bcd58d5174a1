"""Reads the gateways' own record of what happened, for the proof; shares no code with the adapters that made it happen."""
