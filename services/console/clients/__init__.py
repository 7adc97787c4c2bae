"""The services' HTTP API as the console uses it: a file for each resource, answers as models, refusals raised."""
