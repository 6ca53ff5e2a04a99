"""Measures what the verdict catches and what it wrongly flags, on labelled texts."""
