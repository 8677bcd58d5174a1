"""Where a process touches the world: gateway calls and ledger steps. Each activity may run again with the same input."""
