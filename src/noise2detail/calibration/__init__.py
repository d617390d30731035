"""Classical filters whose parameters are found on the noisy image itself: masking, search, and the denoiser."""
