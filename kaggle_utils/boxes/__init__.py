"""Boxes: the table, its formats, F2, fusion, and what boxes of successive frames know of each other."""
