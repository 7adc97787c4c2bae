"""Timers: each runs on one replica, elected by an advisory lock."""
