"""Receipts: one PDF, rendered, signed and kept by the server, for everybody."""
