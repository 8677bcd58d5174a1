"""What is owed and how it is collected. Of ours it knows the ledger only: money, records, and how files of dated rules are read."""
