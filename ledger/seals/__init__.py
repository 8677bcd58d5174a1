"""Seals: signed Merkle trees over the journal, by which a change of what was posted can be shown to anybody."""
