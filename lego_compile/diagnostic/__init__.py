"""What we tell people: findings as data, a catalogue of codes, and renderers as siblings."""

from __future__ import annotations
