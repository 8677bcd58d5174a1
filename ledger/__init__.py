"""The books: money, accounts, entries, posting rules, the journal. Imports nothing of ours."""
