"""What a charge costs, measured against a bare workflow on the same servers: `make bench`; docs/benchmarks.md."""
