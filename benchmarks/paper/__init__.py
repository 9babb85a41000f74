"""The experiments of Cui, Marttinen and Kaski (ECAI 2020), one module per figure or table."""
