"""Runs Rasa's graph node by node. Dask plans every run anew and costs more than most of our components."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphNodeHook, GraphSchema
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.storage import ModelStorage


class DirectRunner(GraphRunner):
    """Runs the nodes that a DaskGraphRunner has loaded, each after those that it needs."""

    def __init__(self, loaded: DaskGraphRunner) -> None:
        self._nodes = loaded._instantiated_nodes
        self._schema = loaded._graph_schema
        self._plans: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}

    @classmethod
    def create(
        cls,
        graph_schema: GraphSchema,
        model_storage: ModelStorage,
        execution_context: ExecutionContext,
        hooks: list[GraphNodeHook] | None = None,
    ) -> DirectRunner:
        """Load the nodes and return their runner."""
        return cls(DaskGraphRunner.create(graph_schema, model_storage, execution_context, hooks))

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """Return what the target nodes give.

        Args:
            inputs: What stands in for nodes that are not part of the graph: the message, the tracker.
            targets: Names of nodes; those that the schema names when None.

        Raises:
            GraphComponentException: A component failed.
        """
        wanted = tuple(targets or self._schema.target_names)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        given = {name: (name, value) for name, value in (inputs or {}).items()}
        for name, needs in self._plans[wanted]:
            given[name] = self._nodes[name](*(given[need] for need in needs))
        return dict(given[name] for name in wanted)

    def _plan(self, targets: tuple[str, ...]) -> list[tuple[str, list[str]]]:
        """Return the nodes that the targets need, in an order in which they can run, with what each needs."""
        plan: list[tuple[str, list[str]]] = []
        planned: set[str] = set()

        def visit(name: str) -> None:
            if name in planned or name not in self._nodes:
                return
            planned.add(name)
            needs = list(self._schema.nodes[name].needs.values())
            for need in needs:
                visit(need)
            plan.append((name, needs))

        for target in targets:
            visit(target)
        return plan
