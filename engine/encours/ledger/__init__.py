"""Read a ledger, check its rows, and resolve them to kernel columns: codes, days, thousandths.

`sources.open_ledger` finds, hashes and inspects the files; `decode` turns Arrow columns into
arrays; `small` gives the small tables as Python values. What is wrong with a row is a finding,
never an exception; what is wrong with a file is one of `encours_schemas.errors` and names the file.
"""
