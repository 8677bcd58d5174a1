"""The processes, one file each. This file imports nothing: each workflow file runs again for every run."""
