"""Who names processes means an engine that has them, and gets it where it can be had.

    num_generators=4 engine=local    one process: what is said outright holds
    num_generators=4                 engine=monarch where torchmonarch is installed, else engine=local
    hosts=tls://a:26100,here         engine=monarch, and a generator on each; STRAW_HOSTS says it from outside
    trainer_ranks=2                  engine=ranks

With generators the run leaves the same bits, and a line says what was chosen. Nothing is started here.
"""

from __future__ import annotations

from straw.config import Loaded, Page
from straw.engines.monarch.hosts.places import HOSTS, hosts_of, placed
from straw.engines.monarch.processes.process import check_monarch
from straw.errors import ConfigError

Values = dict[str, object]


def named_generators(loaded: Loaded) -> tuple[Values, tuple[str, ...]]:
    """The engine of a page that names generators and no engine, and the line that tells."""
    if loaded.page.engine.trainer_ranks > 1:
        return of_ranks(loaded), ()
    if loaded.page.engine.hosts:
        return on_hosts(loaded), ()
    if "engine" not in loaded.named and (said := ",".join(hosts_of(loaded.page.engine))):
        return on_hosts(loaded), (f"{HOSTS}={said} means processes: engine=monarch",)
    if "num_generators" not in loaded.named or "engine" in loaded.named:
        return {}, ()
    said = f"num_generators={loaded.page.engine.num_generators} means processes"
    reason = lack_of_monarch()
    if reason is None:
        return {"engine": "monarch"}, (f"{said}: engine=monarch (write engine=local for one process, the same bits)",)
    return {"engine": "local"}, (f"{said}; {reason}, so engine=local, one process, the same bits",)


def on_hosts(loaded: Loaded) -> Values:
    """Who names hosts has processes, and one on each at least."""
    engine = loaded.page.engine
    values: Values = {}
    if "engine" not in loaded.named:
        values["engine"] = "monarch"
    elif engine.engine == "local":
        raise ConfigError(
            f"hosts are for processes, got hosts={','.join(engine.hosts)} with engine=local. Write engine=monarch."
        )
    if "num_generators" not in loaded.named:
        values["num_generators"] = max(engine.num_generators, len(hosts_of(engine)))
    return values


def check_hosts(page: Page) -> None:
    """Addresses, who is where, and certificates: refused before there is a model."""
    from straw.engines.monarch.hosts.hosts import context_for

    if page.engine.engine == "monarch":
        for address in placed(page.engine).others:
            context_for(address, page.engine.certs)


def of_ranks(loaded: Loaded) -> Values:
    """A trainer that is divided, beside a sampler in this process: no generators, and one machine."""
    engine, said = loaded.page.engine, f"got trainer_ranks={loaded.page.engine.trainer_ranks}"
    if engine.hosts:
        raise ConfigError(
            f"the ranks of a trainer share memory on one machine, {said} with hosts={','.join(engine.hosts)}. Leave "
            "one of them out."
        )
    if "engine" in loaded.named and engine.engine == "local":
        raise ConfigError(f"a trainer is divided by engine=ranks, {said} with engine=local. Write engine=ranks.")
    if "engine" in loaded.named:
        return {}
    if "num_generators" in loaded.named:
        raise ConfigError(
            f"generators go with a trainer that is one process (engine=monarch), {said} with num_generators="
            f"{engine.num_generators}. Leave one of them out."
        )
    return {"engine": "ranks"}


def lack_of_monarch() -> str | None:
    try:
        check_monarch()
    except ConfigError as error:
        return str(error).partition(":")[0]
    return None
