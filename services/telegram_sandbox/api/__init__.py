"""The admin HTTP API: make users and chats, speak as a guest, inject faults."""
