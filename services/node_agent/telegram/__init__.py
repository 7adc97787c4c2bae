"""Telegram: the Telethon adapter and its twin in memory."""
