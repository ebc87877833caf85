"""The demo shop: orders of data/demo/ in an SQL database.

`python -m actions.commerce.demo load` fills the database; the action server does it by itself where there
is none.
"""
