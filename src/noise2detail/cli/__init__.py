"""The command ``n2d``: parse, call, show."""
