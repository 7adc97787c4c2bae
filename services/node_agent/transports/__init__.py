"""The ways between an agent and the back office: AMQP, HTTP, and a folder that somebody else carries to and fro.

Each module has the way out (it implements `shared.messaging.Bus`) and the way in (it consumes a route until it is
cancelled). The messages are the same whichever way they take, so a node may change it at any moment.
"""
