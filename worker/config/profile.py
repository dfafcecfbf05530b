"""A profile: the frozen set of all that can change an output. Its digest names results.

Read from its file by ``worker.config.settings``; an unknown key is an error.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: How sure the acceptor of an adapter has to be that a change helps.
Restraint = Literal["careful", "bold"]

__all__ = [
    "PIPELINE_VERSION",
    "CheckSettings",
    "ModelSettings",
    "Profile",
    "PromptTemplate",
    "RepairSettings",
    "Restraint",
    "SpottingSettings",
    "SummarySettings",
]

#: Raised by every change to a stage that can change an output; part of each profile's digest.
PIPELINE_VERSION = 13

#: Where a server may be: neither a login nor a query, which would be shown and stored.
_SERVER_URL = re.compile(
    r"https?://([\w-]+(\.[\w-]+)*|\[[\da-f:]+\])(:\d{1,5})?(/[^\s?#@]*)?", re.ASCII | re.IGNORECASE
)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelSettings(_Section):
    """Which weights turn prompts into text, and in which numerics."""

    kind: Literal["local", "server"] = "local"
    """In the worker's own process, or behind an OpenAI-compatible server."""
    name: str = "embedded"
    """``embedded``, a local folder, or a hub id; of a server, the name it serves the model by."""
    revision: str = ""
    """Commit or tag of a hub model or of what the server serves; required for both, since results
    are found again by it."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    batch_tokens: int = Field(default=2048, ge=256)
    """Tokens of prompts and drafts in one pass; 1,024 to 2,048 were the fastest of 512 to 4,096. It
    changes ties in bfloat16, so it counts."""
    url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = ""
    """Where the server is, its ``/v1`` included, such as ``http://127.0.0.1:8000/v1``. A key that
    it asks for comes from ``COPYDESK_API_KEY``, never from here."""
    in_flight: int = Field(default=32, ge=1, le=1024)
    """Most requests of one worker to the server at once. Eight workers of 32 fill the 256 sequences
    that vLLM takes into one batch by default; a server that answers one by one needs no more
    than 4."""
    timeout_seconds: float = Field(default=300.0, gt=0, le=3600)
    """How long an answer of the server may take. A chunk ends after 840 s, so that a request that
    the server has lost is made a second time within it."""
    window: int = Field(default=4096, ge=512)
    """Tokens of prompt and answer together that the server takes; a local model says so itself."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "local":
            if self.url:
                raise _wrong("a url is given, and the model is local", 'set kind = "server"')
            return self
        if self.name == "embedded":
            raise _wrong(
                "a server needs the name that it serves the model by",
                "set name; vLLM and transformers serve use the hub id",
            )
        if not _SERVER_URL.fullmatch(self.url):
            raise _wrong(
                "a server needs a url, with no more in it than an address",
                'set url, such as "http://127.0.0.1:8000/v1"; a key is set as COPYDESK_API_KEY',
            )
        return self


class SpottingSettings(_Section):
    """Which sentences read badly, whatever is proposed for them."""

    surprisal_nats: float = 1.0
    """Mean nats per token of a sentence as its own repair, above which it reads badly; see
    worker/stages/repair/spotting.py."""


class RepairSettings(_Section):
    """How proposals are asked for."""

    prompt: str = "repair.v1.toml"
    """A file of ``configs/prompts``; its content is part of the digest."""
    keep_bias_nats: float = Field(default=1.0, ge=0)
    """The engine leaves the sentence only where another token is so much more likely than the
    sentence's own (tau). At 0 it writes what it likes best."""
    fluency_prompt: str = ""
    """A file of ``configs/prompts``: what the model without the adapter is told before a sentence
    whose fluency it shall say. An acceptor needs it."""
    restraint: Restraint = "careful"
    """How sure the acceptor has to be: ``careful`` changes little and is more often right, ``bold``
    also makes changes of which as many harm as help; docs/quality.md has the curve. Without an
    adapter, and so an acceptor, ``min_gain_nats`` of the checks decides alone."""
    max_growth: float = 1.3
    """Answer budget in tokens, as a multiple of the sentence's own."""


class CheckSettings(_Section):
    """Limits of the checks on proposals and summary sentences."""

    min_length_ratio: float = 0.75
    max_length_ratio: float = 1.3
    min_similarity: float = 0.7
    """Least share of words, in order, that a proposal keeps of its source (0-1)."""
    min_gain_nats: float = 2.0
    """How much more likely than its source a proposal must be, as the repair of it, to count as
    better: log P(proposal) - log P(source), summed over the tokens."""
    min_support: float = 0.93
    """Least mean of two shares of a summary sentence's words and word pairs: what its best
    article sentence holds, and what the best two hold together (0-1). With the rules and
    ``min_support_probability``, on QAGS-CNN/DM: at .8 20 % of unsupported sentences pass and 36 %
    of supported ones are refused, at .9 11 % and 43 %, at .93 7 % and 48 %, at .95 5 % and 52 %."""
    min_support_probability: float = 0.35
    """How probable the model has to find it that its evidence carries a summary sentence (0-1).
    The same at a ``min_support`` of .9: 15 % and 39 % at .3, 11 % and 43 % at .35, 9 % and 52 % at
    .4. The probabilities are read off logits in bfloat16: .33 to .37 are one step."""
    entailment_model: str = ""
    """Hub id or folder of a model trained on natural language inference, which then judges in the
    place of ``support_prompt``; .5 is usual for ``min_support_probability`` with one."""
    entailment_revision: str = ""
    """Its commit or tag, or your name for the folder's version: results are found again by it."""
    min_title_probability: float = 0.3
    """The same of a title. At .35 a quarter of the titles of 40 news articles stands, most of those
    refused were right."""

    @model_validator(mode="after")
    def _is_pinned(self) -> Self:
        if self.entailment_model and not self.entailment_revision:
            raise _wrong(
                f"the model {self.entailment_model} needs a revision",
                "set entailment_revision: results are found again by it",
            )
        return self


class SummarySettings(_Section):
    """Length and prompt of the summary."""

    prompt: str = "summary.v1.toml"
    shorten_prompt: str = ""
    """What shortens the chosen sentences one by one; without it ``prompt`` asks for the summary."""
    title_prompt: str = ""
    """What writes the title; without it the article's own stands."""
    support_prompt: str = ""
    """What says whether evidence carries a sentence; without it the rules alone decide."""
    min_words: int = Field(default=55, ge=5)
    """Own sentences are added up to here. ROUGE-1 over four dev sets is 36.6 at 30 words, 38.5 at
    40, 39.1 at 50 and at 60."""
    max_words: int = Field(default=80, ge=20)
    source_tokens: int = Field(default=700, ge=100)
    """Tokens of chosen sentences that go into the prompt."""


class PromptTemplate(_Section):
    """What the engine is told before the text, from a file of ``configs/prompts``."""

    instruction: str
    adapter: str = ""
    """The folder of ``worker/weights`` that was trained on this very prompt; none: the base model
    answers."""
    examples: tuple[tuple[str, str], ...] = ()
    """Texts with the answers that were wanted; examples keep a small model to its task."""

    def messages(self, text: str) -> list[dict[str, str]]:
        """The chat that asks for an answer to ``text``: examples are turns before it."""
        turns = [("system", self.instruction)]
        for given, wanted in self.examples:
            turns += [("user", given), ("assistant", wanted)]
        turns.append(("user", text))
        return [{"role": role, "content": content} for role, content in turns]


class Profile(_Section):
    """A named, frozen set of all that can change an output."""

    name: str
    description: str = ""
    model: ModelSettings = ModelSettings()
    spotting: SpottingSettings = SpottingSettings()
    repair: RepairSettings = RepairSettings()
    checks: CheckSettings = CheckSettings()
    summary: SummarySettings = SummarySettings()
    prompts: dict[str, PromptTemplate] = {}
    """Each prompt file that the profile names; filled in by ``load_profile``."""
    model_digest: str = ""
    """What the weights are: filled in by ``load_profile``."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy whose digest is its own: pydantic carries one along that was read before."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("digest", None)
        return copied

    def with_adapter(self, folder: Path, names: Iterable[str]) -> Self:
        """The profile with the adapter in ``folder`` for those of its prompts that are named.

        Names that are empty or of no prompt are passed over.
        """
        said = {"adapter": str(folder.resolve())}
        changed = {
            name: self.prompts[name].model_copy(update=said)
            for name in names
            if name in self.prompts
        }
        return self.model_copy(update={"prompts": {**self.prompts, **changed}})

    @cached_property
    def digest(self) -> str:
        """32 hex digits over models, prompts, thresholds and the pipeline's version.

        Where a server is and how fast it is asked decide nothing about an answer.
        """
        aside = {"url", "in_flight", "timeout_seconds"}
        said = self.model_dump_json(exclude={"name": True, "description": True, "model": aside})
        return hashlib.sha256(f"{PIPELINE_VERSION}\x00{said}".encode()).hexdigest()[:32]


def _wrong(message: str, hint: str) -> PydanticCustomError:
    """What is wrong with a section as a whole, with what to do about it."""
    return PydanticCustomError("section", message, {"hint": hint})
