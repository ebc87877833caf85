"""Sends one real message through the widget's own path and waits for the bot's answer.

python -m scripts.first_message ORIGIN
"""

import asyncio
import json
import sys
import uuid

import httpx
import websockets

TIMEOUT_S = 30


async def ask(origin: str, text: str = "hello") -> str:
    """Return the bot's answer to a message.

    Raises:
        TimeoutError: None came within 30 seconds.
    """
    async with asyncio.timeout(TIMEOUT_S), httpx.AsyncClient(base_url=origin, trust_env=False) as http:
        opened = (
            (await http.post("/api/v1/web/conversations", json={"language": "en"})).raise_for_status().json()
        )
        url = origin.replace("http", "ws", 1) + "/api/v1/web/socket"
        async with websockets.connect(url, proxy=None) as connection:
            hello = {"conversation_id": opened["conversation_id"], "token": opened["token"]}
            await connection.send(json.dumps({"type": "hello", **hello}))
            await connection.send(json.dumps({"type": "message", "id": str(uuid.uuid4()), "text": text}))
            while True:
                frame = json.loads(await connection.recv())
                if frame.get("kind") == "message" and frame["message"]["author"] == "bot":
                    return str(frame["message"]["text"])
                if frame.get("kind") == "owner":
                    raise TimeoutError("the bot did not answer: the conversation went to the queue")


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(ask(sys.argv[1])) + "\n")
