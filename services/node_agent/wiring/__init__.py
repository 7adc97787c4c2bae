"""How the agent's parts are made and connected, a file for each subject; `app` puts them together.

Nothing outside `app` and this package constructs a part of the agent. Construction touches nothing.
"""
