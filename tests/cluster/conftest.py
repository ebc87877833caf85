"""One cluster for all tests of this folder; each brings its own customers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.cluster import Cluster
from tests.cluster.crowd import Installed


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def installed(cluster: Cluster) -> Installed:
    return installed_at(cluster)


def installed_at(cluster: Cluster) -> Installed:
    environment = cluster.replicas[0].installation.environment()
    return Installed(
        cluster.origin,
        environment["DRAGOMAN_IDENTITY_SECRET"],
        cluster.database_url("dragoman"),
        cluster.database_url("bot"),
    )
