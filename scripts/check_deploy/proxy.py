"""deploy/nginx: the templates, filled in as the nginx image does it, pass `nginx -t`."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

# As Compose writes a variable with a default.
_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}")


class TemplateError(ValueError):
    """A template has a placeholder without a value."""


def render(folder: Path, values: Mapping[str, str], target: Path) -> Path:
    """Write every template of a folder into `target` with its `${NAME}` filled in; return nginx.conf's path.

    Raises:
        TemplateError: A placeholder has no value.
    """
    for template in sorted(folder.glob("*.template")):
        text = template.read_text(encoding="utf-8")
        # Comments name the placeholders, too.
        missing = set(_PLACEHOLDER.findall(text)) - values.keys()
        if missing:
            raise TemplateError(f"{template.name}: no value for {', '.join(sorted(missing))}")
        filled = _PLACEHOLDER.sub(lambda found: values[found[1]], text)
        (target / template.name.removesuffix(".template")).write_text(filled, encoding="utf-8")
    return target / "nginx.conf"


def make_certificate(folder: Path, host: str) -> None:
    """Write fullchain.pem and privkey.pem, self-signed, valid for a day. Raises CalledProcessError."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    names = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run([*command, *files, *names, "-days", "1"], check=True, capture_output=True)


def find_nginx() -> str | None:
    """Return nginx's path; Debian keeps it off an ordinary user's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def check(deploy: Path) -> Iterator[str]:
    """Yield what nginx says against its configurations, and placeholders that nothing fills in."""
    services = yaml.safe_load((deploy / "compose.yml").read_text(encoding="utf-8"))["services"]
    nginx = find_nginx()
    if nginx is None:
        yield "nginx is missing (Debian: apt-get install nginx), its configuration can't be checked"
        return
    for container, part, schemes in (("proxy", "public", ("plain", "tls")), ("balancer", "inside", ("",))):
        set_there = {name: str(value) for name, value in services[container]["environment"].items()}
        for scheme in schemes:
            with tempfile.TemporaryDirectory() as folder:
                make_certificate(Path(folder), "localhost")
                values = {name: _stand_in(name, value, scheme, folder) for name, value in set_there.items()}
                try:
                    config = render(deploy / "nginx" / part, values, Path(folder))
                except TemplateError as error:
                    yield f"nginx/{part}: {error} (compose.yml, {container})"
                    continue
                command = [nginx, "-t", "-q", "-p", folder, "-e", "stderr", "-c", str(config)]
                options = ["-g", f"pid {folder}/nginx.pid;"]
                done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
                # Warnings as well: the next nginx makes errors of them.
                said = [line for line in done.stderr.splitlines() if '"user" directive' not in line]
                yield from (f"nginx/{part} {scheme}: {line.replace(folder, '')}" for line in said)


def _stand_in(name: str, value: str, scheme: str, folder: str) -> str:
    if name == "SCHEME":
        return scheme
    if name == "TLS_FOLDER":
        return folder
    if name == "PUBLIC_HOST":
        return "localhost"
    if name.endswith("_SERVERS"):
        # Names are known in the containers' network alone, and `resolve` to nginx 1.27.3 and later.
        return re.sub(r"server [\w-]+:(\d+) resolve", r"server 127.0.0.1:\1", value)
    return _DEFAULT.sub(r"\1", value)
