"""Boxes in video: trained, decided and answered for any competition that is made of them (reef)."""
