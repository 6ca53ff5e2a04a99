"""The Numenta Anomaly Benchmark: its corpus format, its score, and a bench over both."""
