"""From an array with axes to a denoised array with the same axes."""
