"""Three trackers behind one face: open a run of theirs, send rows, close.

    wandb         project straw (or WANDB_PROJECT), its files in the run folder's wandb/
    trackio       project straw (or TRACKIO_PROJECT), where trackio keeps them
    tensorboard   the run folder's tensorboard/, so `tensorboard --logdir runs` shows all runs

Each knows the first step that it has not got, so that nothing is sent twice; none is imported before it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self


class TrackerRun(NamedTuple):
    """Which run of a tracker is ours."""

    folder: Path
    id: str
    project: str
    started: float  # seconds since 1970


class Backend(Protocol):
    """One run in one tracker."""

    needs: ClassVar[tuple[str, str]]  # a module, and something in it
    next_step: int

    @staticmethod
    def project() -> str: ...

    @classmethod
    def open(cls, run: TrackerRun, config: Mapping[str, Any]) -> Self: ...

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self, failed: bool) -> None: ...


@dataclass(slots=True)
class Wandb:
    needs: ClassVar[tuple[str, str]] = ("wandb", "init")
    run: Any
    next_step: int

    @staticmethod
    def project() -> str:
        return os.environ.get("WANDB_PROJECT", "straw")

    @classmethod
    def open(cls, run: TrackerRun, config: Mapping[str, Any]) -> Self:
        import wandb

        opened = wandb.init(
            project=run.project, id=run.id, name=run.folder.name, dir=str(run.folder), config=dict(config),
            resume="allow", allow_val_change=True, settings={"console": "off"},  # our lines are none of its business
        )  # fmt: skip
        return cls(opened, int(opened.step or 0))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def close(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


@dataclass(slots=True)
class Trackio:
    needs: ClassVar[tuple[str, str]] = ("trackio", "init")
    run: Any
    next_step: int

    @staticmethod
    def project() -> str:
        return os.environ.get("TRACKIO_PROJECT", "straw")

    @classmethod
    def open(cls, run: TrackerRun, config: Mapping[str, Any]) -> Self:
        import trackio

        opened = trackio.init(project=run.project, name=run.id, config=dict(config), resume="allow")
        return cls(opened, getattr(opened, "_next_step", 0))  # not public; without it some rows are sent twice

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def close(self, failed: bool) -> None:
        self.run.finish()


@dataclass(slots=True)
class TensorBoard:
    """Tensorboard's own writer, which needs neither torch nor tensorflow."""

    needs: ClassVar[tuple[str, str]] = ("tensorboard.summary.writer.event_file_writer", "EventFileWriter")
    writer: Any
    started: float
    next_step: int = 0

    @staticmethod
    def project() -> str:
        return ""

    @classmethod
    def open(cls, run: TrackerRun, config: Mapping[str, Any]) -> Self:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        opened = cls(EventFileWriter(str(run.folder / "tensorboard"), flush_secs=10), run.started)
        start = SessionLog(status=SessionLog.START)
        opened.writer.add_event(Event(step=0, session_log=start))  # what an earlier process wrote no longer counts
        opened._write_config(config)
        return opened

    def log(self, step: int, values: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        rows = [Summary.Value(tag=name, simple_value=float(value)) for name, value in values.items()]
        self._add(step, values["time_s"], Summary(value=rows))

    def close(self, failed: bool) -> None:
        self.writer.close()

    def _write_config(self, config: Mapping[str, Any]) -> None:
        """As text, in lines of code."""
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        text = "\n".join(f"    {name} = {value}" for name, value in config.items()).encode()
        kind = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        tensor = TensorProto(dtype=DT_STRING, string_val=[text])
        self._add(0, 0.0, Summary(value=[Summary.Value(tag="config", metadata=kind, tensor=tensor)]))

    def _add(self, step: int, time_s: float, summary: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self.writer.add_event(Event(wall_time=self.started + time_s, step=step, summary=summary))


BACKENDS: dict[str, type[Backend]] = {"wandb": Wandb, "trackio": Trackio, "tensorboard": TensorBoard}
