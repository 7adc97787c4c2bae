"""HTTP in: scripts, deployments, downloads, dead letters."""
