"""The policy of a rollout as an operator writes it: options in words, or a file with the API's own fields."""
