"""The jobs a person asks for, each put together from the rooms below."""
