"""The operators' manual: prose of resources/manual, and what the descriptions say."""
