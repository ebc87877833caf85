"""Ask a process of this machine whether it is well: `python probe.py PORT PATH` ends with 0 if it is (200).

The images' health checks run it (they have no curl). Standard library alone, for both Pythons.
"""

import http.client
import sys

TIMEOUT_S = 4


def is_well(port: int, path: str) -> bool:
    """Tell whether GET on loopback is answered with 200 within TIMEOUT_S seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_well(int(sys.argv[1]), sys.argv[2]) else 1)
