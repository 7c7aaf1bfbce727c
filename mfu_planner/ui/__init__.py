"""The web form: each page builds a Scenario, calls the API and shows the Result; no arithmetic here."""
