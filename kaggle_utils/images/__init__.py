"""Pixels: files decoded, cached, seen in views and colours."""
