"""Scan reports of images: what they say (``formats``, ``sarif``), and whether a centre lets it pass (``check``).

Imported only for a centre that has ``scans:``.
"""
