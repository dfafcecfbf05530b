"""Trains a LoRA adapter on pairs, on the CPU, with checkpoints.

The only module outside the engine that imports torch. A stopped run resumes from its last
checkpoint, with the same batches in the same order.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from peft import LoraConfig
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from worker.config.numerics import Numerics
from worker.training.branch import branched_layers, freeze_base
from worker.training.pair import Pair

__all__ = [
    "BASE_NAME",
    "LOSSES",
    "Example",
    "Recipe",
    "Report",
    "encode",
    "end_token",
    "load_base",
    "surprisals",
    "train",
]

#: Padded tokens per batch when texts are only scored, not trained on.
_READ_TOKENS = 1536

_WEIGHTS = "adapter_model.safetensors"

#: The base model that the shipped adapters name in their configuration: the small profile's.
BASE_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"

#: File name of a run's log, which has one JSON object per step.
LOSSES = "losses.jsonl"

_PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters of a run."""

    rank: int = 16
    alpha: int = 32
    #: At 6e-4 and rank 32, the model learned the language but lost its restraint.
    learning_rate: float = 5e-4
    warmup: float = 0.06
    """Share of steps in which the learning rate rises; then it falls to zero along a cosine."""
    batch_tokens: int = 1536
    """Padded size of a batch: 20 news sentences."""
    edit_weight: float = 4.0
    """Loss weight of answer tokens that the source lacks, and of the first token after a deletion.
    At 1 the model learns to copy: it changes eight of 300 news sentences."""
    clip: float = 1.0
    seed: int = 20
    checkpoint_steps: int = 50


class Example(NamedTuple):
    """A tokenised pair."""

    ids: list[int]
    answer: int
    """Index of the answer's first token; the loss covers only the answer and its end token."""
    weights: list[float]
    """Loss weight of each token from ``answer`` on."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a run."""

    steps: int
    tokens: int
    minutes: float
    loss_before: float
    """Mean nats per answer token on the held-out pairs, before the first step."""
    loss_after: float


def load_base(folder: Path, numerics: Numerics) -> tuple[Any, Any]:
    """Load the model, frozen for training in ``numerics``, and its tokenizer."""
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, **options)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", **options)
    freeze_base(model, numerics)
    return model, tokenizer


def end_token(model: Any) -> int:
    """Return the token that ends an answer; the first one if there are several."""
    ends = model.generation_config.eos_token_id
    return int(ends if isinstance(ends, int) else ends[0])


def encode(
    tokenizer: Any,
    end: int,
    instruction: str,
    pairs: Sequence[Pair],
    *,
    edit_weight: float = 1.0,
    weight: float = 1.0,
) -> list[Example]:
    """Encode pairs as the engine sees them: chat prompt, separately tokenised answer, end token.

    In the loss, edited tokens weigh ``edit_weight`` times as much as other tokens; all weights are
    multiplied by ``weight``.
    """
    examples: list[Example] = []
    for pair in pairs:
        messages = [
            {"role": "system", "content": instruction},
            {"role": "user", "content": pair.source},
        ]
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        answer = tokenizer(pair.target, add_special_tokens=False)["input_ids"]
        source = tokenizer(pair.source, add_special_tokens=False)["input_ids"]
        edited = _are_edited([*source, end], [*answer, end])
        weights = [weight * (edit_weight if is_edited else 1.0) for is_edited in edited]
        examples.append(Example([*prompt_ids, *answer, end], len(prompt_ids), weights))
    return examples


def _are_edited(source: list[int], answer: list[int]) -> list[bool]:
    """Return, for each answer token, whether it is new or the first after a deletion."""
    # stages.repair.changes does not fit: it compares words and ignores case, quotes and
    # contractions. The loss is per token, and copying a capital or a quote must be learned too.
    edited = [False] * len(answer)
    for kind, _, _, begin, end in SequenceMatcher(
        None, source, answer, autojunk=False
    ).get_opcodes():
        if kind != "equal":
            edited[begin : max(end, begin + 1)] = [True] * (max(end, begin + 1) - begin)
    return edited


def surprisals(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[float]:
    """Return each text's total surprisal under the base model, in nats."""
    start = model.config.bos_token_id
    examples = [
        Example([start, *tokenizer(text, add_special_tokens=False)["input_ids"]], 1, [])
        for text in texts
    ]
    totals = [0.0] * len(examples)
    with torch.inference_mode():
        for batch in _batches(examples, _READ_TOKENS):
            nats, counts = _answer_nats(model, [examples[index] for index in batch])
            for index, part in zip(batch, nats.split(counts), strict=True):
                totals[index] = float(part.sum())
    return totals


def train(
    base: Any,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    recipe: Recipe,
    *,
    out: Path,
    work: Path,
    base_name: str,
    start: Path | None = None,
    say: Callable[[str], object] = sys.stderr.write,
) -> Report:
    """Train for one epoch, and write the adapter to ``out`` in peft's format, in bfloat16.

    Args:
        base: the model from ``load_base``; the adapter is added to it.
        examples: examples to train on.
        held_out: examples to measure the loss on, before and after.
        recipe: the hyperparameters.
        out: folder for the adapter.
        work: folder for the checkpoint and the loss log; a run with the same examples and recipe
            resumes from the checkpoint.
        base_name: name of the base model in the adapter's configuration.
        start: folder of an adapter of the same shape to start from.
        say: receives progress messages.
    """
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=_PROJECTIONS,
        task_type="CAUSAL_LM",
    )
    config.base_model_name_or_path = base_name
    stored = {} if start is None else load_file(start / _WEIGHTS)
    layers = dict(branched_layers(base, _PROJECTIONS))
    for path, layer in layers.items():
        layer.add_branch(recipe.rank, recipe.alpha / recipe.rank)
        for name, weight in _branch_weights(path, layer):
            if stored:
                weight.data.copy_(stored[name])
    run = _Run(base, examples, recipe, work)
    before = run.restore()
    if before is None:
        before = _mean_nats(base, held_out)
        say(f"held out before: {before:.4f}\n")
    run.finish(before, say)
    after = _mean_nats(base, held_out)
    weights = dict(pair for path, layer in layers.items() for pair in _branch_weights(path, layer))
    _save_adapter(weights, config, out)
    return Report(len(run.batches), run.tokens, run.seconds / 60, before, after)


class _Run:
    """The state of a run, as saved in its checkpoint."""

    def __init__(self, model: Any, examples: Sequence[Example], recipe: Recipe, work: Path) -> None:
        self.examples, self.recipe, self.work = examples, recipe, work
        self.base = model
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=recipe.learning_rate, weight_decay=0.0, foreach=True
        )
        self.batches = _batches(examples, recipe.batch_tokens)
        Random(recipe.seed).shuffle(self.batches)  # noqa: S311 - not a secret
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        identity = json.dumps([[list(example) for example in examples], repr(recipe)])
        self.digest = hashlib.sha256(identity.encode()).hexdigest()

    def finish(self, before: float, say: Callable[[str], object]) -> None:
        started = time.monotonic() - self.seconds
        while self.step < len(self.batches):
            loss = self._advance([self.examples[index] for index in self.batches[self.step]])
            self.step += 1
            self.seconds = time.monotonic() - started
            self._log_loss(loss)
            if self.step % 10 == 0 or self.step == len(self.batches):
                rate = self.tokens / self.seconds
                left = self.seconds / self.step * (len(self.batches) - self.step) / 60
                say(
                    f"{self.step}/{len(self.batches)} loss {loss:.4f} "
                    f"{rate:.0f} tokens/s, {left:.0f} min left\n"
                )
            if self.step % self.recipe.checkpoint_steps == 0:
                self._save(before)

    def _advance(self, batch: list[Example]) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * _rate_share(
                self.step, len(self.batches), self.recipe.warmup
            )
        nats, _ = _answer_nats(self.base, batch)
        weights = torch.tensor([weight for example in batch for weight in example.weights])
        loss = (nats * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.tokens += sum(len(example.ids) for example in batch)
        return float(loss.detach())

    def _log_loss(self, loss: float) -> None:
        """Append the step's loss to the log; a resumed run logs repeated steps twice."""
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / LOSSES).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self.step, "loss": round(loss, 5)}) + "\n")

    def _save(self, before: float) -> None:
        tensors: dict[str, torch.Tensor] = {}
        for index, weight in enumerate(self.weights):
            state = self.optimizer.state[weight]
            tensors[f"{index}.weight"] = weight.detach()
            tensors[f"{index}.exp_avg"] = state["exp_avg"]
            tensors[f"{index}.exp_avg_sq"] = state["exp_avg_sq"]
        metadata = {
            "digest": self.digest,
            "step": str(self.step),
            "tokens": str(self.tokens),
            "seconds": str(self.seconds),
            "before": str(before),
        }
        unfinished = self.work / "checkpoint.new"
        save_file(tensors, unfinished, metadata)
        unfinished.replace(self._checkpoint)

    @property
    def _checkpoint(self) -> Path:
        return self.work / "checkpoint.safetensors"

    def restore(self) -> float | None:
        """Load the checkpoint, and return its loss before the first step; None if there is none."""
        if not self._checkpoint.exists():
            return None
        with safe_open(self._checkpoint, "pt") as file:
            metadata = file.metadata()
            if metadata["digest"] != self.digest:
                return None
            self.step, self.tokens = int(metadata["step"]), int(metadata["tokens"])
            self.seconds = float(metadata["seconds"])
            for index, weight in enumerate(self.weights):
                weight.data.copy_(file.get_tensor(f"{index}.weight"))
                self.optimizer.state[weight] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": file.get_tensor(f"{index}.exp_avg"),
                    "exp_avg_sq": file.get_tensor(f"{index}.exp_avg_sq"),
                }
            return float(metadata["before"])


def _answer_nats(model: Any, batch: Sequence[Example]) -> tuple[torch.Tensor, list[int]]:
    """Return the nats of all answer tokens, concatenated, and the token count of each example."""
    width = max(len(example.ids) for example in batch)
    ids = torch.tensor([example.ids + [0] * (width - len(example.ids)) for example in batch])
    mask = torch.tensor(
        [[1] * len(example.ids) + [0] * (width - len(example.ids)) for example in batch]
    )
    rows = [row for row, example in enumerate(batch) for _ in example.ids[example.answer :]]
    columns = [
        column for example in batch for column in range(example.answer - 1, len(example.ids) - 1)
    ]
    hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state
    # Only at answer tokens, because logits over a vocabulary of 49,152 take a fifth of the time.
    logits = model.get_output_embeddings()(hidden[rows, columns]).float()
    wanted = torch.tensor([token for example in batch for token in example.ids[example.answer :]])
    nats = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    return nats, [len(example.ids) - example.answer for example in batch]


def _mean_nats(model: Any, examples: Sequence[Example]) -> float:
    total, count = 0.0, 0
    with torch.inference_mode():
        for batch in _batches(examples, _READ_TOKENS):
            nats, _ = _answer_nats(model, [examples[index] for index in batch])
            total, count = total + float(nats.sum()), count + len(nats)
    return total / max(1, count)


def _batches(examples: Sequence[Example], budget: int) -> list[list[int]]:
    """Batch example indexes by length, with each batch within ``budget`` padded tokens."""
    order = sorted(range(len(examples)), key=lambda index: (len(examples[index].ids), index))
    batches: list[list[int]] = []
    for index in order:
        if batches and len(examples[index].ids) * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _rate_share(step: int, steps: int, warmup: float) -> float:
    """Return the share of the full learning rate at a step."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _branch_weights(path: str, layer: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Yield the weights of a layer's branch under peft's names."""
    yield f"base_model.model.{path}.lora_A.weight", layer.down
    yield f"base_model.model.{path}.lora_B.weight", layer.up


def _save_adapter(weights: Mapping[str, torch.Tensor], config: LoraConfig, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: weight.detach().to(torch.bfloat16).contiguous() for name, weight in weights.items()
    }
    save_file(tensors, out / _WEIGHTS, {"format": "pt"})
    config.inference_mode = True
    config.save_pretrained(str(out))
