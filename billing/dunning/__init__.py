"""How an unpaid invoice is recovered: a policy in data and pure functions over it. No clock, no chance, no database."""
