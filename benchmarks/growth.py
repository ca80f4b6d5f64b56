"""x."""
NAMES=[]
DEFAULTS={"rows":1,"repeats":1}
def add_options(p):
    """x."""
