"""How fast, and how heavy: `make bench` measures what the README promises, and prints it beside its targets.

Nothing here is asserted, for a figure depends on the machine; ratios to a limit measured in the same run travel.
"""
