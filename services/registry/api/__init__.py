"""HTTP in: the Workers API, the Accounts API and the event stream."""
