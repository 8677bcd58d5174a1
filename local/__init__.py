"""The whole system on one machine: embedded PostgreSQL, Temporal's development server, gateway simulators, a worker."""
