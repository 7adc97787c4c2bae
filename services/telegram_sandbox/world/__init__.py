"""The sandbox's world: users, rooms and messages, without any network."""
