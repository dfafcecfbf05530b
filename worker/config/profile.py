"""Profiles: frozen sets of everything that can change an output. A digest names each.

``worker.config.settings`` reads them from files; an unknown key is an error.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from worker.config.numerics import Dtype
from worker.config.restraint import Restraint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "DEFAULT_MODEL",
    "PIPELINE_VERSION",
    "CheckSettings",
    "ModelSettings",
    "Profile",
    "PromptTemplate",
    "RepairSettings",
    "SpottingSettings",
    "SummarySettings",
]

#: Part of each profile's digest. Raise it with every change to a stage that can change an output.
PIPELINE_VERSION = 18

#: The model of a profile that names none: it works offline on a laptop, once it is pulled.
DEFAULT_MODEL = "qwen2.5-coder-1.5b"

#: A server's address. Logins and queries are refused, since profiles are shown and stored.
_SERVER_URL = re.compile(
    r"https?://([\w-]+(\.[\w-]+)*|\[[\da-f:]+\])(:\d{1,5})?(/[^\s?#@]*)?", re.ASCII | re.IGNORECASE
)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelSettings(_Section):
    """The weights that turn prompts into text, and the numbers they compute in."""

    kind: Literal["local", "server"] = "local"
    """``local`` loads the model into the worker; ``server`` calls an OpenAI-compatible server."""
    name: str = DEFAULT_MODEL
    """A model of the catalogue, a local folder, or a hub id; for a server, the name it serves the
    model by."""
    revision: str = ""
    """Commit or tag of a hub model, or of the model that a server serves. Both need one, since it
    names their results."""
    dtype: Dtype = "auto"
    """``auto`` becomes ``bfloat16`` on a machine whose CPU computes in it, otherwise ``int8`` or
    ``float32``. They differ in near-ties, so the choice is part of the digest. ``int8``: weights of
    eight bits with a scale per output, activations of eight bits with a scale per token."""
    int8: bool = False
    """Whether ``auto`` may choose ``int8``. Set it for a model whose repairs are as good in int8;
    docs/decisions/032-numerics.md has the measurements."""
    batch_tokens: int = Field(default=2048, ge=256)
    """Tokens of prompts and drafts in one pass. 1,024 to 2,048 were fastest in a sweep from 512 to
    4,096. The size can tip near-ties in bfloat16, so it is part of the digest."""
    url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = ""
    """Address of the server with its ``/v1``, such as ``http://127.0.0.1:8000/v1``. The key comes
    from ``COPYDESK_API_KEY``, never from here."""
    in_flight: int = Field(default=32, ge=1, le=1024)
    """Requests that one worker keeps open at the server. Eight workers with 32 each fill the 256
    sequences that vLLM batches by default; a server that answers one by one needs 4."""
    timeout_seconds: float = Field(default=300.0, gt=0, le=3600)
    """Time limit of one answer. A chunk may take 840 s, so a lost request is repeated in time."""
    window: int = Field(default=4096, ge=512)
    """Tokens of prompt and answer that the server takes. A local model states its own window."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "local":
            if self.url:
                raise _wrong("a url is given, and the model is local", 'set kind = "server"')
            if self.name == "embedded":
                raise _wrong(
                    'there is no model "embedded" any more: models have names of their own',
                    'set name = "smollm2-135m"',
                )
            return self
        if "name" not in self.model_fields_set:
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
    """Limits of the spotter, which finds sentences that read badly."""

    surprisal_nats: float = 1.0
    """A sentence reads badly above this surprisal: mean nats per token, read as its own repair."""


class RepairSettings(_Section):
    """How the engine is asked for repairs."""

    prompt: str = "repair.v1.toml"
    """File in ``configs/prompts``; its content is part of the digest."""
    keep_bias_nats: float = Field(default=1.0, ge=0)
    """The engine departs from the sentence only where another token is this much more likely
    (tau). At 0 it writes its most likely answer."""
    fluency_prompt: str = ""
    """File in ``configs/prompts`` that the base model reads before a sentence whose fluency it
    rates. An acceptor needs it."""
    restraint: Restraint = "careful"
    """How sure the acceptor must be that a change helps; ``--restraint`` overrides it. Without an
    adapter there is no acceptor, and ``min_gain_nats`` of the checks decides alone."""
    max_growth: float = 1.3
    """Token budget of an answer, as a multiple of its sentence."""


class CheckSettings(_Section):
    """Limits of the checks on proposals and summary sentences."""

    min_length_ratio: float = 0.75
    max_length_ratio: float = 1.3
    min_similarity: float = 0.7
    """Share of its source's words that a proposal must keep, in order (0-1)."""
    min_gain_nats: float = 2.0
    """Without an acceptor, a proposal counts as better when log P(proposal) - log P(source), summed
    over the tokens of the answer, is at least this; in an article with little to mend, more."""
    meaning_judge: str = ""
    """Folder in ``worker/weights`` of the judge that tells whether a rewrite says the same. Empty:
    strict rules decide, which refuse most new word orders."""
    min_support: float = 0.93
    """Support that a summary sentence needs (0-1): the mean of the share of its words and pairs
    that its best article sentence holds and the share that the best two hold. On QAGS-CNN/DM .8
    lets 20 % of unsupported sentences pass and refuses 36 % of supported ones; .93 7 % and 48 %."""
    min_support_probability: float = 0.35
    """Probability that the judge must give to "the evidence says it" (0-1). On the same set, at a
    ``min_support`` of .9: 15 % pass and 39 % are refused at .3, 11 % and 43 % at .35, 9 % and 52 %
    at .4."""
    entailment_model: str = ""
    """Hub id or folder of a natural language inference model that judges in place of
    ``support_prompt``. Set ``min_support_probability`` to about .5 with one."""
    entailment_revision: str = ""
    """Its commit or tag, or your own name for the folder's version. It names results."""
    min_title_probability: float = 0.3
    """The same for titles. At .35 only a quarter of the titles of 40 news articles pass, and most
    of the refused ones were right."""

    @model_validator(mode="after")
    def _is_pinned(self) -> Self:
        if self.entailment_model and not self.entailment_revision:
            raise _wrong(
                f"the model {self.entailment_model} needs a revision",
                "set entailment_revision: results are found again by it",
            )
        return self


class SummarySettings(_Section):
    """Length and prompts of the summary."""

    prompt: str = "summary.v1.toml"
    shorten_prompt: str = ""
    """Shortens the chosen sentences one by one. Empty: ``prompt`` asks for the whole summary."""
    title_prompt: str = ""
    """Writes the title. Empty: the article keeps its own."""
    support_prompt: str = ""
    """Asks the judge whether evidence supports a sentence. Empty: the rules alone decide."""
    min_words: int = Field(default=55, ge=5)
    """The article's own sentences fill the summary up to this length. ROUGE-1 over four dev sets is
    36.6 at 30 words, 38.5 at 40, 39.1 at 50 and at 60."""
    max_words: int = Field(default=80, ge=20)
    source_tokens: int = Field(default=700, ge=100)
    """Tokens of chosen sentences that the prompt takes."""


class PromptTemplate(_Section):
    """The instruction before a text, from a file in ``configs/prompts``."""

    instruction: str
    adapter: str = ""
    """Folder in ``worker/weights`` that was trained on this prompt. Empty: the base model
    answers."""
    examples: tuple[tuple[str, str], ...] = ()
    """Texts with their answers, which keep a small model to its task."""

    def messages(self, text: str) -> list[dict[str, str]]:
        """Return the chat that asks for an answer to ``text``; the examples are earlier turns."""
        turns = [("system", self.instruction)]
        for example, answer in self.examples:
            turns += [("user", example), ("assistant", answer)]
        turns.append(("user", text))
        return [{"role": role, "content": content} for role, content in turns]


class Profile(_Section):
    """A named, frozen set of everything that can change an output."""

    name: str
    description: str = ""
    model: ModelSettings = ModelSettings()
    spotting: SpottingSettings = SpottingSettings()
    repair: RepairSettings = RepairSettings()
    checks: CheckSettings = CheckSettings()
    summary: SummarySettings = SummarySettings()
    prompts: dict[str, PromptTemplate] = {}
    """The prompt files that the profile names, by file name; ``load_profile`` fills them in."""
    model_digest: str = ""
    """Names the weights; ``worker.config.weights.with_digest`` fills it in."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy that computes its own digest; pydantic would carry over a cached one."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("digest", None)
        return copied

    def with_adapter(self, folder: Path, names: Iterable[str]) -> Self:
        """Return the profile with the adapter in ``folder`` for the prompts called ``names``.

        Names that are empty or that the profile does not have are skipped.
        """
        update = {"adapter": str(folder.resolve())}
        changed = {
            name: self.prompts[name].model_copy(update=update)
            for name in names
            if name in self.prompts
        }
        return self.model_copy(update={"prompts": {**self.prompts, **changed}})

    @cached_property
    def digest(self) -> str:
        """32 hex digits over models, prompts, thresholds and the pipeline's version.

        A server's address and the pace of requests are left out: they change no answer.
        """
        excluded = {"url", "in_flight", "timeout_seconds"}
        content = self.model_dump_json(
            exclude={"name": True, "description": True, "model": excluded}
        )
        return hashlib.sha256(f"{PIPELINE_VERSION}\x00{content}".encode()).hexdigest()[:32]


def _wrong(message: str, hint: str) -> PydanticCustomError:
    """Return an error about a section as a whole, with a hint."""
    return PydanticCustomError("section", message, {"hint": hint})
