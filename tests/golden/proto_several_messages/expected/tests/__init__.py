"""Tests of the dataflows. Yours to edit."""
