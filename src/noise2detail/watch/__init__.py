"""Images that are still being taken: files as a microscope writes them, and live frames."""
