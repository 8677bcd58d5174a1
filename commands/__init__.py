"""What starter.py offers, one file per noun. Modules that declare commands import the heavy parts only when one runs."""
