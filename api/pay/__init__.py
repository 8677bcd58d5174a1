"""The page behind a pay link: what is owed, and two ways to pay it. It writes what the customer wants, and no process waits for it."""
