"""Recordings at URLs: safe ranged reading, probing, exact extraction of spans, speech detection."""
