"""How far a result can be trusted: tests without a reference, said in words and shown on a page."""
