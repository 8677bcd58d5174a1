"""The proof that the gateways' own record, the journal and the charges agree; shares only money with what it checks."""
