"""The packaged MiniLM's graph, rewritten to compute in int8: faster, smaller, same weights.

As shipped the weights are int8 but every product is float: each start expands them, and each
text multiplies in float32. Five rewrites, none of which touches a weight:

- `Cast, Mul, MatMul, Add` becomes one `DynamicQuantizeMatMul` (scales stay per channel);
- embedding tables stay int8 and only the rows looked up are expanded (bit-equal to before);
- the five nodes of an erf-GELU become one `Gelu`;
- the guard for wholly masked rows and the mask itself go: this graph is run on one unpadded
  text at a time, so it has no `attention_mask` input at all;
- what nothing needs any more is pruned.

Nodes are found by their shape in the graph, never by name, and a graph that looks otherwise
is refused.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sfm_core.errors import Misconfigured

RECIPE: Final = "1"
"""Goes up with every change of the rewritten bytes."""
_CONTRIB: Final = "com.microsoft"


def rewrite(source: bytes) -> bytes:
    """The rewritten model, the same bytes for the same source every time.

    Blocking: about a second, most of it importing `onnx`.

    Raises:
        Misconfigured: the source is not a graph this recipe knows, or `onnx` is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 - needed once per machine, and an optional extra
    except ImportError as error:
        raise Misconfigured("building the packaged model needs the package onnx") from error
    model = onnx.load_model_from_string(source)
    graph = _Graph(onnx, model.graph)
    products = _quantise_products(graph)
    tables = _look_up_in_int8(graph)
    gelus = _fuse_gelu(graph)
    unmasked = _drop_mask(graph)
    if not (products and tables and gelus and unmasked):
        raise Misconfigured(
            f"not the expected graph: {products} products, {tables} tables, {gelus} gelus, "
            f"{unmasked} masks"
        )
    graph.prune()
    model.opset_import.append(onnx.helper.make_opsetid(_CONTRIB, 1))
    model.producer_name, model.producer_version = "sfm", RECIPE
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """A graph under edit: nodes are replaced and dropped by marking, then written at once."""

    def __init__(self, onnx: Any, proto: Any) -> None:  # noqa: ANN401 - onnx ships no types
        self._onnx = onnx
        self._proto = proto
        self.weights: Mapping[str, Any] = {tensor.name: tensor for tensor in proto.initializer}
        self._read()

    def _read(self) -> None:
        self.nodes: list[Any] = list(self._proto.node)
        self._makers = {output: node for node in self.nodes for output in node.output}
        self._users: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)

    def of(self, kind: str) -> list[Any]:
        return [node for node in self.nodes if node.op_type == kind]

    def maker(self, name: str, kind: str) -> Any | None:  # noqa: ANN401
        """The node that makes this value, if it is of this kind."""
        node = self._makers.get(name)
        return node if node is not None and node.op_type == kind else None

    def user(self, node: Any, kind: str) -> Any | None:  # noqa: ANN401
        """The one node that reads this node's output, if it is of this kind."""
        users = self._users.get(node.output[0], [])
        return users[0] if len(users) == 1 and users[0].op_type == kind else None

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> Any:  # noqa: ANN401
        return self._onnx.helper.make_node(kind, inputs, [output], **attributes)

    def flatten(self, name: str) -> None:
        """Give a per-channel scale of shape (1, n) the shape (n,)."""
        array = self._onnx.numpy_helper.to_array(self.weights[name])
        self.weights[name].CopyFrom(self._onnx.numpy_helper.from_array(array.reshape(-1), name))

    def replace(self, changes: Mapping[int, list[Any]], renamed: Mapping[str, str]) -> None:
        """Put each node's successors (by `id`) in its place, then rename what is read."""
        kept = []
        for old in self.nodes:
            for node in changes.get(id(old), [old]):
                copy = self._onnx.NodeProto()
                copy.CopyFrom(node)
                for at, name in enumerate(copy.input):
                    copy.input[at] = renamed.get(name, name)
                kept.append(copy)
        del self._proto.node[:]
        self._proto.node.extend(kept)
        self._read()

    def prune(self) -> None:
        """Drop nodes, weights and inputs that the outputs do not depend on."""
        needed = {output.name for output in self._proto.output}
        unused: dict[int, list[Any]] = {}
        for node in reversed(self.nodes):
            if needed.isdisjoint(node.output):
                unused[id(node)] = []
            else:
                needed.update(node.input)
        self.replace(unused, {})
        self._keep(self._proto.initializer, needed)
        self._keep(self._proto.input, needed)
        del self._proto.value_info[:]

    def _keep(self, entries: Any, needed: Iterable[str]) -> None:  # noqa: ANN401
        kept = [type(entry).FromString(entry.SerializeToString()) for entry in entries]
        del entries[:]
        entries.extend(entry for entry in kept if entry.name in needed)


def _dequantised(graph: _Graph, mul: Any) -> tuple[Any, str, str] | None:  # noqa: ANN401
    """(cast node, int8 weight, scale) when `mul` expands a weight, else None."""
    cast = graph.maker(mul.input[0], "Cast")
    if cast is None or cast.input[0] not in graph.weights or mul.input[1] not in graph.weights:
        return None
    return cast, cast.input[0], mul.input[1]


def _quantise_products(graph: _Graph) -> int:
    changes: dict[int, list[Any]] = {}
    count = 0
    for mul in graph.of("Mul"):
        found, product = _dequantised(graph, mul), graph.user(mul, "MatMul")
        added = graph.user(product, "Add") if product is not None else None
        if found is None or product is None or added is None:
            continue
        cast, weight, scale = found
        [bias] = [name for name in added.input if name != product.output[0]]
        graph.flatten(scale)
        inputs = [product.input[0], weight, scale, "", bias]
        whole = graph.node("DynamicQuantizeMatMul", inputs, added.output[0], domain=_CONTRIB)
        changes |= {id(cast): [], id(mul): [], id(product): [whole], id(added): []}
        count += 1
    graph.replace(changes, {})
    return count


def _look_up_in_int8(graph: _Graph) -> int:
    changes: dict[int, list[Any]] = {}
    count = 0
    for mul in graph.of("Mul"):
        found, gather = _dequantised(graph, mul), graph.user(mul, "Gather")
        if found is None or gather is None:
            continue
        cast, weight, scale = found
        out, rows = gather.output[0], gather.input[1]
        changes |= {id(cast): [], id(mul): []}
        changes[id(gather)] = [
            graph.node("Gather", [weight, rows], f"{out}_int8", axis=0),
            graph.node("Cast", [f"{out}_int8"], f"{out}_whole", to=1),
            graph.node("Gather", [scale, rows], f"{out}_scale", axis=0),
            graph.node("Mul", [f"{out}_whole", f"{out}_scale"], out),
        ]
        count += 1
    graph.replace(changes, {})
    return count


def _fuse_gelu(graph: _Graph) -> int:
    changes: dict[int, list[Any]] = {}
    count = 0
    for erf in graph.of("Erf"):
        halved, one_more = graph.maker(erf.input[0], "Div"), graph.user(erf, "Add")
        inner = graph.user(one_more, "Mul") if one_more is not None else None
        outer = graph.user(inner, "Mul") if inner is not None else None
        if halved is None or outer is None or halved.input[0] not in outer.input:
            continue
        whole = graph.node("Gelu", [halved.input[0]], outer.output[0], domain=_CONTRIB)
        changes |= {id(node): [] for node in (halved, erf, one_more, inner)}
        changes[id(outer)] = [whole]
        count += 1
    graph.replace(changes, {})
    return count


def _drop_mask(graph: _Graph) -> int:
    """Attention weights without the mask added before, and without the guard behind, softmax."""
    changes: dict[int, list[Any]] = {}
    renamed: dict[str, str] = {}
    for guard in graph.of("IsNaN"):
        softmax, chosen = graph.maker(guard.input[0], "Softmax"), graph.user(guard, "Where")
        masked = graph.maker(softmax.input[0], "Add") if softmax is not None else None
        if softmax is None or masked is None or chosen is None:
            continue
        if graph.maker(masked.input[1], "Where") is None:
            continue
        changes |= {id(guard): [], id(chosen): [], id(masked): []}
        renamed[chosen.output[0]] = softmax.output[0]
        renamed[masked.output[0]] = masked.input[0]
    graph.replace(changes, renamed)
    return len(renamed) // 2
