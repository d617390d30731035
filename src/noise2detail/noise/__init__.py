"""What the noise of an image is like: measured, stabilised, undone where it was clipped, and imitated."""
