"""Durable truth: one writer, one journal, tables that the journal can rebuild.

``sql.SqlStore`` keeps it on SQLite or PostgreSQL, ``memory.MemoryStore`` by the same rules in
memory; ``sql.SqlVault`` and ``memory.MemoryVault`` are the paper broker's own book.
"""
