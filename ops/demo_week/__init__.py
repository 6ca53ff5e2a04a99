"""A made-up company: two weeks of its traffic, and the weekly report over them."""
