"""The queue: conversations that wait for a person, with what that person needs to know."""
