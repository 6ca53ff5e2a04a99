"""Telling people: a pure routing tree, pure decisions on time, one file a receiver."""
