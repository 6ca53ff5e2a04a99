"""Benchmarks: what the farm does, and what its parts could do alone, as ratios of one run."""
