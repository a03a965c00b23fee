"""How Jinja turns templates into Python: the pages stay the same to the byte, and take less time to make."""

from collections.abc import Iterable
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, optimizeconst
from jinja2.environment import Environment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape
from markupsafe import _escape_inner as escape_text  # type: ignore[attr-defined]  # the library's own, written in C

BODY = Markup("\0")  # stands for the body of a {% call %}


class Compiler(CodeGenerator):
    """See `code_generator_class` in https://jinja.palletsprojects.com/en/stable/api/."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._values: list[str] = []  # names in the code of the values that are being written, the inmost last

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        super().visit_Template(Folding(self.environment).visit(node), frame)
        self.writeline(f"from {__name__} import escape_text, escaped as escape")  # in place of the one of Jinja

    def blockvisit(self, body: Iterable[nodes.Node], frame: Frame) -> None:
        """Let a block give its text at once: piece by piece, each piece passes through every block around it."""
        if frame.buffer is not None:
            return super().blockvisit(body, frame)
        self.buffer(frame)
        super().blockvisit(body, frame)
        self.writeline(f"yield concat({frame.buffer})")
        frame.buffer = None

    @optimizeconst
    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """Look for the attribute itself right here, and ask Jinja where there is none (it may be the key of a dict)."""
        whole, part = self.temporary_identifier(), self.temporary_identifier()
        self.write(f"({part} if ({part} := getattr({whole} := ")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r}, missing)) is not missing else environment.getattr({whole}, {node.attr!r}))")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        """Escape text right here: most values are text, and the call of a function takes as long as the escaping."""
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape or finalize.src is not None:
            self._values.append("")
            return super()._output_child_pre(node, frame, finalize)
        self._values.append(self.temporary_identifier())
        self.write(f"(escape_text({self._values[-1]}) if type({self._values[-1]} := ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if value := self._values.pop():
            return self.write(f") is str else escape({value}))")
        super()._output_child_post(node, frame, finalize)


def escaped(value: object) -> str:
    """What `markupsafe.escape` makes of a value, without an object around it to say so: the page joins it at once."""
    if type(value) is str:
        text: str = escape_text(value)
        return text
    return value if type(value) is Markup else escape(value)


class Folding(NodeTransformer):
    """Makes each piece of ui.html whose words are all constant while a page is compiled, as Jinja does with filters.

    A macro takes about 5 µs each time it is called: as long as a row of a table without one.
    """

    def __init__(self, environment: Environment) -> None:
        self._pieces = environment.globals["ui"]
        self._evaluation = nodes.EvalContext(environment)

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:
        self.generic_visit(node)
        try:
            return nodes.Const(self._made(node), lineno=node.lineno)
        except nodes.Impossible:
            return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.CallBlock | list[nodes.Node]:
        """Only what stands around the body is made, where every piece has it once; the body is the page's own."""
        self.generic_visit(node.call)  # what the macro is given: without the body it is another piece
        node.body = [one for part in node.body for one in self.visit_list(part)]
        try:
            before, after = self._made(node.call, caller=lambda: BODY).split(BODY)
        except nodes.Impossible:
            return node
        texts = [nodes.Output([nodes.TemplateData(text)], lineno=node.lineno) for text in (before, after)]
        return [texts[0], nodes.Scope(node.body), texts[1]]

    def _made(self, call: nodes.Call, **body: object) -> str:
        match call:
            case nodes.Call(node=nodes.Getattr(node=nodes.Name(name="ui"), attr=name), dyn_args=None, dyn_kwargs=None):
                given = [value.as_const(self._evaluation) for value in call.args]
                named = {pair.key: pair.value.as_const(self._evaluation) for pair in call.kwargs}
                made: str = getattr(self._pieces, name)(*given, **named, **body)
                return made
        raise nodes.Impossible
