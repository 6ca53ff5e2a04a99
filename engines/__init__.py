"""Engines: text in, findings out. Adding one is adding one file here."""
