"""MTProto 2.0 from the server's side: framing, key exchange, encryption, connections."""
