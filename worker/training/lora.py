"""Training of a LoRA adapter on pairs, on the CPU, with checkpoints.

The one module beside the local engine's that knows torch. A run that was stopped goes on from
its last checkpoint, with the same batches in the same order.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from worker.training.pair import Pair

__all__ = [
    "BASE_NAME",
    "LOSSES",
    "Example",
    "Recipe",
    "Report",
    "encode",
    "end_token",
    "hold_out",
    "load_base",
    "surprisals",
    "train",
]

#: Padded tokens of a batch that is only read.
_READ_TOKENS = 1536

_WEIGHTS = "adapter_model.safetensors"

#: Examples that are measured before and after and not trained on, as a share of all, and at most.
_HELD_OUT_SHARE, _MOST_HELD_OUT = 0.05, 120

#: What the shipped adapters name as their base: the embedded model.
BASE_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"

#: The log of a run: a JSON object for each step.
LOSSES = "losses.jsonl"

_PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All numbers of a run."""

    rank: int = 16
    alpha: int = 32
    #: With 6e-4 at rank 32 the same model learned the language and lost its restraint.
    learning_rate: float = 5e-4
    warmup: float = 0.06
    """Share of the steps in which the rate rises; then it falls to nothing along a cosine."""
    batch_tokens: int = 1536
    """Padded size of a batch: 20 sentences of news."""
    edit_weight: float = 4.0
    """Weight in the loss of an answer's tokens that its source lacks, and of those behind what it
    has lost. At 1 the loss is that of copying, and of 300 sentences of news eight are changed."""
    clip: float = 1.0
    seed: int = 20
    checkpoint_steps: int = 50


class Example(NamedTuple):
    """The tokens of a pair."""

    ids: list[int]
    answer: int
    """Where the answer begins; the loss is on it and the end token alone."""
    weights: list[float]
    """Of each of those in the loss."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a run went."""

    steps: int
    tokens: int
    minutes: float
    loss_before: float
    """Mean nats per answer token on the pairs held out, before the first step."""
    loss_after: float


def load_base(folder: Path) -> tuple[Any, Any]:
    """The model in bfloat16 and its tokenizer."""
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, **options)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **options)
    return model, tokenizer


def end_token(model: Any) -> int:
    """The token that ends an answer: of several the first."""
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
    """The pairs as the engine will meet them: chat prompt, answer by itself, end token.

    Tokens that the source lacks, and those behind what it has lost, weigh ``edit_weight`` times the
    others in the loss, and all of them ``weight``.
    """
    examples: list[Example] = []
    for pair in pairs:
        messages = [
            {"role": "system", "content": instruction},
            {"role": "user", "content": pair.source},
        ]
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        answer = tokenizer(pair.target, add_special_tokens=False)["input_ids"]
        source = tokenizer(pair.source, add_special_tokens=False)["input_ids"]
        edited = _edited([*source, end], [*answer, end])
        weights = [weight * (edit_weight if new else 1.0) for new in edited]
        examples.append(Example([*asked, *answer, end], len(asked), weights))
    return examples


def _edited(source: list[int], answer: list[int]) -> list[bool]:
    """For each token of ``answer``: is it new, or does it stand behind something left out?"""
    edited = [False] * len(answer)
    for kind, _, _, begin, end in SequenceMatcher(
        None, source, answer, autojunk=False
    ).get_opcodes():
        if kind != "equal":
            edited[begin : max(end, begin + 1)] = [True] * (max(end, begin + 1) - begin)
    return edited


def surprisals(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[float]:
    """Total nats of each text under the base model; the first token, which all lack, is free."""
    start = model.config.bos_token_id
    rows = [
        Example([start, *tokenizer(text, add_special_tokens=False)["input_ids"]], 1, [])
        for text in texts
    ]
    found = [0.0] * len(rows)
    with torch.inference_mode():
        for batch in _batches(rows, _READ_TOKENS):
            nats, counts = _answer_nats(model, [rows[at] for at in batch])
            for at, part in zip(batch, nats.split(counts), strict=True):
                found[at] = float(part.sum())
    return found


def hold_out(examples: Sequence[Example]) -> tuple[Sequence[Example], Sequence[Example]]:
    """The examples to train on, and the first few, which are held out."""
    count = min(_MOST_HELD_OUT, round(_HELD_OUT_SHARE * len(examples)))
    return examples[count:], examples[:count]


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
    """Train one epoch and write the adapter to ``out``, in bfloat16, as peft reads it.

    ``work`` takes the checkpoint and a log of the losses; a run with the same examples and recipe
    goes on from there. ``start`` is the folder of an adapter of the same shape to begin with.
    """
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=_PROJECTIONS,
        task_type="CAUSAL_LM",
    )
    # The adapter's weights stay in float32: steps of 5e-4 vanish in bfloat16.
    model: Any = get_peft_model(base, config)
    if start is not None:
        set_peft_model_state_dict(model, load_file(start / _WEIGHTS))
    # peft has put the folder of this machine there.
    config.base_model_name_or_path = base_name
    run = _Run(model, examples, recipe, work)
    before = run.restore()
    if before is None:
        before = _mean_nats(base, held_out)
        say(f"held out before: {before:.4f}\n")
    run.go(before, say)
    after = _mean_nats(base, held_out)
    _save_adapter(model, config, out)
    return Report(len(run.batches), run.tokens, run.seconds / 60, before, after)


class _Run:
    """The state of a run: everything that a checkpoint holds."""

    def __init__(self, model: Any, examples: Sequence[Example], recipe: Recipe, work: Path) -> None:
        self.examples, self.recipe, self.work = examples, recipe, work
        self.base = model.get_base_model()
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=recipe.learning_rate, weight_decay=0.0, foreach=True
        )
        self.batches = _batches(examples, recipe.batch_tokens)
        Random(recipe.seed).shuffle(self.batches)  # noqa: S311 - an order, no secret
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        said = json.dumps([[list(example) for example in examples], repr(recipe)])
        self.digest = hashlib.sha256(said.encode()).hexdigest()

    def go(self, before: float, say: Callable[[str], object]) -> None:
        began, self.seconds = time.monotonic() - self.seconds, self.seconds
        while self.step < len(self.batches):
            loss = self._advance([self.examples[at] for at in self.batches[self.step]])
            self.step += 1
            self.seconds = time.monotonic() - began
            self._note(loss)
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
            group["lr"] = self.recipe.learning_rate * _pace(
                self.step, len(self.batches), self.recipe.warmup
            )
        # Else the adapter's matrices are multiplied in float32: half as long again.
        with torch.autocast("cpu", torch.bfloat16):
            nats, _ = _answer_nats(self.base, batch)
        weights = torch.tensor([one for example in batch for one in example.weights])
        loss = (nats * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.tokens += sum(len(example.ids) for example in batch)
        return float(loss.detach())

    def _note(self, loss: float) -> None:
        """Put the loss of a step into the log; what a stopped run did again stands there twice."""
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / LOSSES).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self.step, "loss": round(loss, 5)}) + "\n")

    def _save(self, before: float) -> None:
        tensors: dict[str, torch.Tensor] = {}
        for at, weight in enumerate(self.weights):
            state = self.optimizer.state[weight]
            tensors[f"{at}.weight"] = weight.detach()
            tensors[f"{at}.exp_avg"] = state["exp_avg"]
            tensors[f"{at}.exp_avg_sq"] = state["exp_avg_sq"]
        told = {
            "digest": self.digest,
            "step": str(self.step),
            "tokens": str(self.tokens),
            "seconds": str(self.seconds),
            "before": str(before),
        }
        fresh = self.work / "checkpoint.new"
        save_file(tensors, fresh, told)
        fresh.replace(self._checkpoint)

    @property
    def _checkpoint(self) -> Path:
        return self.work / "checkpoint.safetensors"

    def restore(self) -> float | None:
        """Go on from the checkpoint: the loss before the first step, ``None`` without one."""
        if not self._checkpoint.exists():
            return None
        with safe_open(self._checkpoint, "pt") as file:
            told = file.metadata()
            if told["digest"] != self.digest:
                return None
            self.step, self.tokens = int(told["step"]), int(told["tokens"])
            self.seconds = float(told["seconds"])
            for at, weight in enumerate(self.weights):
                weight.data.copy_(file.get_tensor(f"{at}.weight"))
                self.optimizer.state[weight] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": file.get_tensor(f"{at}.exp_avg"),
                    "exp_avg_sq": file.get_tensor(f"{at}.exp_avg_sq"),
                }
            return float(told["before"])


def _answer_nats(model: Any, batch: Sequence[Example]) -> tuple[torch.Tensor, list[int]]:
    """Nats of each answer token, example by example, and how many each example has."""
    width = max(len(example.ids) for example in batch)
    ids = torch.tensor([example.ids + [0] * (width - len(example.ids)) for example in batch])
    mask = torch.tensor(
        [[1] * len(example.ids) + [0] * (width - len(example.ids)) for example in batch]
    )
    rows = [at for at, example in enumerate(batch) for _ in example.ids[example.answer :]]
    places = [
        place for example in batch for place in range(example.answer - 1, len(example.ids) - 1)
    ]
    hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state
    # Logits over 49,152 words are a fifth of the time: only where an answer is.
    logits = model.lm_head(hidden[rows, places]).float()
    wanted = torch.tensor([token for example in batch for token in example.ids[example.answer :]])
    nats = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    return nats, [len(example.ids) - example.answer for example in batch]


def _mean_nats(model: Any, examples: Sequence[Example]) -> float:
    total, count = 0.0, 0
    with torch.inference_mode():
        for batch in _batches(examples, _READ_TOKENS):
            nats, _ = _answer_nats(model, [examples[at] for at in batch])
            total, count = total + float(nats.sum()), count + len(nats)
    return total / max(1, count)


def _batches(examples: Sequence[Example], budget: int) -> list[list[int]]:
    """Indexes in batches of like lengths, each within ``budget`` tokens with its padding."""
    order = sorted(range(len(examples)), key=lambda at: (len(examples[at].ids), at))
    batches: list[list[int]] = []
    for at in order:
        if batches and len(examples[at].ids) * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(at)
        else:
            batches.append([at])
    return batches


def _pace(step: int, steps: int, warmup: float) -> float:
    """Share of the full learning rate at a step."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _save_adapter(model: Any, config: LoraConfig, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: weight.detach().to(torch.bfloat16).contiguous()
        for name, weight in get_peft_model_state_dict(model).items()
    }
    save_file(tensors, out / _WEIGHTS, {"format": "pt"})
    config.inference_mode = True
    config.save_pretrained(str(out))
