"""The centre's rules a second time, in plain slow Python, from the handbook, not from the server.

It knows no database, no rows and no types of the server: months are ``year * 12 + month - 1``,
money is integer fen, ratios are ten-thousandths, rates are Fractions. Each operation either
returns the refusal codes it would meet, by row, or applies itself and returns nothing.
"""
