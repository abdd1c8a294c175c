"""Showback, chargeback and budgets from the gateway's own records."""
