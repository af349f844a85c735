"""Durable truth: SQL and memory stores behind the port in engine.store."""
