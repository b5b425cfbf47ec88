"""Speed, beside the best peers and the limits of the machine, in one run: ``python -m bench``."""
