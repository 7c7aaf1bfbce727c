"""The command line: each command builds a Scenario, calls the API and shows the Result."""
