"""Several estimates of one image, on values whose noise is alike everywhere, and their mixture."""
