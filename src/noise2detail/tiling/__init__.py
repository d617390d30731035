"""Frozen tile geometry, and the loop that walks it."""
