"""Pure rules of deployments: no clock, no database, no broker."""
