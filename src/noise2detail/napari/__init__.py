"""The plugin for napari: layers in, denoised layers out, and a widget around that."""
