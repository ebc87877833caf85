"""The website widget."""
