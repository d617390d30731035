"""Tensor in, tensor out: the index arithmetic that several methods share."""
