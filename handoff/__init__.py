"""The service: the only public process. Conversations, the queue of agents, channels and the console."""
