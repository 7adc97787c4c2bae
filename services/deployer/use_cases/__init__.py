"""What the deployer can be asked to do, one file for each."""
