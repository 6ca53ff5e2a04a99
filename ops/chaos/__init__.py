"""Breaks a farm under load and audits what it promised."""
