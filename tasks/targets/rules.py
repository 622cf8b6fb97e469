"""All rules about accelerators; docs/targets.md is written from them."""

from tasks.targets.rule import Rule
from tasks.targets.rules_litert import LITERT
from tasks.targets.rules_native import NATIVE
from tasks.targets.rules_onnx import ONNX

RULES: tuple[Rule, ...] = LITERT + ONNX + NATIVE
