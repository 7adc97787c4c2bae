"""What happens, as it happens: one stream from the registry, handed on to every open page."""
