"""Charts as Vega-Lite, each with alternative text; numbers come from the API."""
