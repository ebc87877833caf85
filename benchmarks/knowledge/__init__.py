"""How well articles on new topics are found, and what a large knowledge base costs."""
