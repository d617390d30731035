"""Similar patches of one image, filtered together: what non-local methods are made of."""
