"""A world behind an OpenEnv server, as a task: openenv:URL, or openenv:FOLDER for a server that a run begins and ends.

    straw train openenv:http://127.0.0.1:8000 model=smollm2
    straw train openenv:echo_game model=smollm2               the folder that openenv init made

A client of our own, with no package of OpenEnv's: reset, step and state over a web socket. How an action is made of a
reply, the server's schema says (`actions`); how many episodes are played at once, its capacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from straw import outside
from straw.errors import ConfigError
from straw.tasks.environments.world import WorldTask, limits_in, rows_in
from straw.tasks.openenv.actions import Actions, actions_of, mcp_tools
from straw.tasks.openenv.episode import Manner, OpenEnvEpisode
from straw.tasks.openenv.local_server import LocalServer
from straw.tasks.openenv.options import OpenEnvOptions
from straw.tasks.openenv.pool import OPEN_S, Pool
from straw.tasks.openenv.sessions import Refused, Server
from straw.tasks.openenv.web_socket import SocketGone, in_thread
from straw.text.tools.forms import Schema
from straw.types import Problem

SCHEMES = ("http", "https", "ws", "wss")


@dataclass(frozen=True, kw_only=True)
class OpenEnv(WorldTask):
    """A task whose other side is a server of somebody else."""

    Options = OpenEnvOptions

    pool: Pool = field(compare=False, repr=False)
    action: str = "auto"
    fields: tuple[str, ...] = ()
    by_turn: bool = True
    solved_at: float | None = None

    @classmethod
    def from_options(cls, options: OpenEnvOptions) -> OpenEnv:
        place = options.kind.partition(":")[2]
        where = place_of(place)
        return cls(
            name=where.folder.resolve().name if isinstance(where, LocalServer) else urlsplit(where.url).netloc,
            pool=Pool(where), rows=rows_in(options), limits=limits_in(options), tool_form=options.tool_form,
            action=options.action, fields=options.observation, by_turn=options.episode_reward == "sum",
            solved_at=options.solved_at,
        )  # fmt: skip

    @property
    def pays(self) -> bool:
        return True

    @property
    def knows_success(self) -> bool:
        return self.solved_at is not None

    @cached_property
    def actions(self) -> Actions:
        """Asked of the server, once; a server that cannot be reached is told before the run begins."""
        try:
            schema = self.pool.schema()
            found = actions_of(schema["action"], self.action)
            return self.tools_of_its_own() if found is None else found
        except SocketGone as gone:
            question = ": is that its address?" if isinstance(self.pool.place, Server) else ""
            raise ConfigError(f"openenv: {gone}{question}") from None

    def tools_of_its_own(self) -> Actions:
        session = self.pool.take()
        try:
            found = in_thread(session.ask("step", {"type": "list_tools"}, OPEN_S)).result()
        except Refused as refused:
            raise ConfigError(
                f"openenv: the server's actions are calls of its tools, and it names none: {refused}"
            ) from None
        self.pool.give_back(session)
        return Actions(tools=mcp_tools(found.get("observation", {})), is_mcp=True)

    def schemas(self, problem: Problem) -> Sequence[Schema]:
        return self.actions.tools

    def room_for(self, wanted: int) -> int:
        return self.pool.fill(wanted) or wanted

    def episode(self, problem: Problem, seed: int) -> OpenEnvEpisode:
        manner = Manner(actions=self.actions, fields=self.fields, by_turn=self.by_turn, solved_at=self.solved_at)
        episode = OpenEnvEpisode(
            name=self.name, session=None, manner=manner, asked=problem.messages, row=problem.columns,
            limits=self.limits, seed=seed, release=self.pool.give_back,
        )  # fmt: skip
        try:
            episode.session = self.pool.take()
        except SocketGone as gone:
            episode.reason = str(gone)
        return episode

    def close(self) -> None:
        self.pool.close()

    def give_back(self, problem: Problem, episode: OpenEnvEpisode) -> None:
        """Nothing is left to: a reward function saw a record of it."""


def place_of(place: str) -> Server | LocalServer:
    """A URL, or a folder of this machine. What a page names, and no person, has to be trusted first."""
    parts = urlsplit(place)
    if parts.scheme in SCHEMES:
        if not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ConfigError(f"a server is written openenv:http://HOST:PORT; got openenv:{place}")
        secure = "s" if parts.scheme in ("https", "wss") else ""
        server = Server(f"http{secure}://{parts.netloc}{parts.path.rstrip('/')}")
        outside.check_server(place)
        return server
    if place in ("", "NAME"):
        raise ConfigError(
            "openenv wants a place: openenv:http://HOST:PORT of a server, or openenv:FOLDER of one to begin"
        )
    try:
        outside.check_server(place)
        return LocalServer.of(Path(place).expanduser())
    except OSError as error:
        raise ConfigError(f"openenv:FOLDER is a folder to be read; {error.strerror}: {place:.80}") from error
