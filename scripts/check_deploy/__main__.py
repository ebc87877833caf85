"""`python -m scripts.check_deploy`: prints every problem of deploy/ and ends with 1 if there is one."""

from __future__ import annotations

import sys
from itertools import chain

from scripts.check_deploy import compose, images, kubernetes, proxy
from scripts.check_deploy.sources import ROOT


def main() -> int:
    deploy = ROOT / "deploy"
    problems = list(
        chain(
            images.check(ROOT),
            compose.check(deploy),
            kubernetes.check(deploy / "kubernetes"),
            proxy.check(deploy),
        )
    )
    for problem in problems:
        print(problem)
    print(
        f"deploy/: {len(problems)} problems"
        if problems
        else "deploy/: images, Compose, Kubernetes and nginx fit"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
