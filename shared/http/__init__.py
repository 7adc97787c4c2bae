"""The HTTP doors of every service: one application factory, one error form, one way to sign in."""

from shared.http.api import create_api
from shared.http.problems import Problem
from shared.http.server import serve

__all__ = ["Problem", "create_api", "serve"]
