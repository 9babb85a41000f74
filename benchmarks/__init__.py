"""Numbers behind every claim: each module prints one table and keeps it in `results/`."""
