# cases.py - the list of cases, which the files beside it fill.
# SPDX-License-Identifier: ISC
CASES = []


class Case:
    def __init__(self, ident, text, run, linux):
        self.ident, self.text, self.run, self.linux = ident, text, run, linux


def case(ident, text, linux=None):
    """A case named after its requirement.  linux: why Linux does otherwise, where it
    does; the case still runs there, and may fail."""
    def add(function):
        CASES.append(Case(ident, text, function, linux))
        return function
    return add


def each(values, ident, text, linux=None):
    """One case for each value; text and ident are formatted with it.  linux: a
    function of the value, or a text."""
    def add(function):
        for value in values:
            why = linux(value) if callable(linux) else linux
            CASES.append(Case(ident.format(value), text.format(value),
                              lambda lab, value=value: function(lab, value), why))
        return function
    return add
