from verticals_plugins import BadInput

BAD_INPUTS: tuple[BadInput, ...] = ()
