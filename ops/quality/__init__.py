"""Measures the engines in parts and beside others, and makes the texts that come with them."""
