"""The deployer: script versions, deployments, and the deliveries that bring them to nodes."""
