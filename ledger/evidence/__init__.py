"""Evidence packs: all that an auditor asks for of one period, in a folder of files with a manifest of their hashes."""
