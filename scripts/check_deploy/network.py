"""Who reaches whom in the cluster, worked out from the network policies, against who should."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.check_deploy.manifests import COMPONENT, Manifest, Manifests, labels_of, ports_of, selects

# From, to: all that there may be among our own pods.
EXPECTED = {
    ("service", "bot"),
    ("bot", "actions"),
    # Which articles supervisors have changed.
    ("bot", "service"),
    ("service", "postgres"),
    ("bot", "postgres"),
    ("actions", "postgres"),
    ("migrate", "postgres"),
    ("service", "redis"),
    ("bot", "redis"),
}


def check(manifests: Manifests) -> Iterator[str]:
    """Yield connections that are open and should not be, or are needed and closed."""
    pods = {labels_of(found)[COMPONENT]: found for found in manifests.list_workloads()}
    policies = [found["spec"] for found in manifests.list_kind("NetworkPolicy")]
    closed = [spec for spec in policies if spec["podSelector"] == {} and not spec.get("ingress")]
    if not any(
        set(spec["policyTypes"]) == {"Ingress", "Egress"} and not spec.get("egress") for spec in closed
    ):
        yield "no NetworkPolicy refuses what no other allows"
    open_now = {
        (source, target)
        for source in pods
        for target in pods
        if source != target
        if any(
            _is_open(pods[source], pods[target], port, policies) for port in ports_of(pods[target]).values()
        )
    }
    for source, target in sorted(open_now - EXPECTED):
        yield f"the network lets {source} reach {target}"
    for source, target in sorted(EXPECTED - open_now):
        yield f"the network does not let {source} reach {target}"
    entered = {name for name, pod in pods.items() if any(_lets_strangers_in(spec, pod) for spec in policies)}
    for name in sorted(entered - {"service"}):
        yield f"the network lets other namespaces reach {name}"
    if "service" not in entered:
        yield "the network lets nobody reach the service"


def _is_open(source: Manifest, target: Manifest, port: int, policies: list[Manifest]) -> bool:
    leaves = any(
        selects(spec["podSelector"], labels_of(source))
        and any(_allows(rule, "to", target, port) for rule in spec.get("egress", []))
        for spec in policies
    )
    enters = any(
        selects(spec["podSelector"], labels_of(target))
        and any(_allows(rule, "from", source, port) for rule in spec.get("ingress", []))
        for spec in policies
    )
    return leaves and enters


def _allows(rule: Manifest, side: str, pod: Manifest, port: int) -> bool:
    """Whether a rule allows a pod of this namespace as the other side.

    Blocks of addresses are not counted: what they mean for pods depends on the network plug-in.
    """
    ports = rule.get("ports")
    if ports is not None and all(entry.get("protocol") != "TCP" or entry["port"] != port for entry in ports):
        return False
    peers = rule.get(side)
    if not peers:
        return True
    return any(
        "ipBlock" not in peer
        and "namespaceSelector" not in peer
        and selects(peer.get("podSelector"), labels_of(pod))
        for peer in peers
    )


def _lets_strangers_in(spec: Manifest, pod: Manifest) -> bool:
    return selects(spec["podSelector"], labels_of(pod)) and any(
        not rule.get("from") or any("podSelector" not in peer for peer in rule["from"])
        for rule in spec.get("ingress", [])
    )
