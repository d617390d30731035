"""Damaged files by the thousand: small seeds of every format, what is done to them, and what may come of it."""
