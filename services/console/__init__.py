"""The one HTTP origin in front of the other services; later also the operator's web page."""
