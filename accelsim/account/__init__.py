"""Prices for what the ledger counted: energy and area."""
