"""The web form: ``streamlit run app.py`` (or ``make app``)."""

from mfu_planner.ui.main import main

main()
