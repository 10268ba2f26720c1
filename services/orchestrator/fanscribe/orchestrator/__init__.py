"""The public API: plan a recording, schedule its macro chunks to splitters, merge their text."""
