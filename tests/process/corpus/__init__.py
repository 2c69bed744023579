"""Malformed, ambiguous and odd requests and answers as data, and what judges them: see README.md."""
