"""How networks are built, trained and applied; every learning method stands on this."""
