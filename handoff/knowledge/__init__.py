"""Articles that supervisors write while the bot runs, and how well each article does."""
