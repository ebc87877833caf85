"""The people who answer: accounts, sign-in, sessions."""
