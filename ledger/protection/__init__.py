"""Whether the ledger is protected: that the database grants, guards and keeps what this version says it must."""
