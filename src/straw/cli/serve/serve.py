"""straw serve: a server of one base model, for programs that speak the Tinker protocol."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

from straw.cache_dir import cache_folder
from straw.cli.arguments import counted, take_flag, take_option, wants_help
from straw.cli.serve.help import HOST, IN_MEMORY, PORT, SERVE, lines
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

MOST_KEYS = 1000
STAND_INS = ("cross_entropy", "importance_sampling", "ppo", "cispo", "dro", "gspo")


def serve(words: list[str]) -> int:
    if wants_help(words):
        say_lines(SERVE)
        return 0
    check_installed()
    from straw.server.serve import serve as serve_until_the_end

    began, options = monotonic(), Options(words)

    def tell(url: str, page: str) -> None:
        say(f"straw serves {options.model} at {url} (up in {monotonic() - began:.1f} s), from {options.folder}/")
        key = "tml-local" if not options.keys else "a key of yours"
        cache = cache_folder() / "serve" / f"hub-{options.slug}"
        say_lines(lines(url, page, key, str(cache), options.names[0], 0 if options.full else 8))

    serve_until_the_end(options.backend, options.served(), options.address(), lambda line: say(line, error=True), tell)
    return 0


class Options:
    """The words behind the command, each checked before the model is read."""

    def __init__(self, words: list[str]) -> None:
        self.aliases = take_aliases(words)
        self.full = take_flag(words, "--full")
        self.model = take_option(words, "model", "tiny-1M") or ""
        if not self.model:
            raise ConfigError("straw serve needs a model. Write for example straw serve model=tiny-1M.")
        self.slug = re.sub(r"[^A-Za-z0-9._-]+", "-", self.model).strip("-.") or "model"
        known = take_option(words, "as", "meta-llama/Llama-3.1-8B") or ""
        self.any_name = known == "*"
        self.names = (self.model, *(name for name in known.split(",") if name and name != "*"))
        self.folder = Path(take_option(words, "folder", "serve/mine") or f"serve/{self.slug}").expanduser()
        self.port = counted("port", take_option(words, "port", str(PORT)) or str(PORT), most=65_535, example=PORT)
        self.host = take_option(words, "host", HOST) or HOST
        self.disk = counted("disk", take_option(words, "disk", "100") or "100", least=1, example=100)
        self.stand_ins = stand_ins_of(take_option(words, "stand_in", "stable_reinforce:ppo"))
        self.in_memory = counted(
            "in_memory", take_option(words, "in_memory", "16") or str(IN_MEMORY), least=1, example=IN_MEMORY
        )
        self.dtype = take_option(words, "dtype", "bfloat16") or "float32"
        self.device = take_option(words, "device", "cuda") or "cpu"
        self.keys = keys_of(take_option(words, "key", "tml-secret"), take_option(words, "key_file", "keys.txt"))
        self.certificate = file_of("cert", take_option(words, "cert", "cert.pem"))
        self.private_key = file_of("cert_key", take_option(words, "cert_key", "key.pem"))
        if words:
            raise ConfigError(f"straw serve has no option {words[0]!r}: see straw serve --help")
        self.check_host()

    def check_host(self) -> None:
        try:
            is_loopback = ip_address("127.0.0.1" if self.host == "localhost" else self.host).is_loopback
        except ValueError:
            raise ConfigError(f"host is an address in numbers, or localhost; got {self.host!r}: host={HOST}") from None
        if not is_loopback and not self.keys:
            raise ConfigError(
                f"straw serve lets anybody in at this machine's own address alone, and host={self.host} is for the "
                "network: add key=tml-SECRET or key_file=FILE (and cert=, cert_key=, or keys cross it unencrypted)"
            )
        if (self.certificate is None) != (self.private_key is None):
            raise ConfigError("TLS needs both files: cert=FILE cert_key=FILE")

    def backend(self):  # type: ignore[no-untyped-def]
        from straw.engines.tenants.open import open_backend

        if self.dtype not in ("float32", "bfloat16"):
            raise ConfigError(f"dtype is float32 or bfloat16; got {self.dtype!r}")
        return open_backend(
            self.model, dtype=self.dtype, device=self.device, full=self.full, tenants_in_memory=self.in_memory
        )

    def served(self):  # type: ignore[no-untyped-def]
        from straw.server.desk.settings import Settings
        from straw.server.serve import Served

        settings = Settings(
            names=self.names, any_name=self.any_name, stand_ins=self.stand_ins, full=self.full,
            in_memory=self.in_memory, awake=4 * self.in_memory,
        )  # fmt: skip
        return Served(folder=self.folder, settings=settings, aliases=self.aliases, most_bytes=self.disk << 30)

    def address(self):  # type: ignore[no-untyped-def]
        from straw.server.serve import Address

        return Address(
            host=self.host, port=self.port, certificate=self.certificate, private_key=self.private_key, keys=self.keys
        )


def take_aliases(words: list[str]) -> dict[str, Path]:
    """checkpoint tinker://RUN/weights/NAME=FOLDER, as often as there are some."""
    found: dict[str, Path] = {}
    while "checkpoint" in words:
        at = words.index("checkpoint")
        path, equals, folder = words[at + 1].partition("=") if at + 1 < len(words) else ("", "", "")
        del words[at : at + 2]
        if not path.startswith("tinker://") or not equals or not folder:
            raise ConfigError("an alias is written checkpoint tinker://RUN/weights/NAME=FOLDER")
        if not Path(folder).expanduser().is_dir():
            raise ConfigError(f"the alias {path} names a folder, and there is no {folder}")
        found[path] = Path(folder).expanduser().absolute()
    return found


def stand_ins_of(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    loss, _, other = text.partition(":")
    if loss != "stable_reinforce" or other not in STAND_INS:
        raise ConfigError(f"stand_in is stable_reinforce:LOSS with LOSS one of {', '.join(STAND_INS)}; got {text!r}")
    return {loss: other}


def keys_of(key: str | None, file: str | None) -> list[str]:
    found = [key] if key else []
    if file:
        from straw.files import MIB, read_file

        try:
            text = read_file(Path(file).expanduser(), MIB, follow=True).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"key_file={file} holds a key a line, and it cannot be read ({error})") from None
        found += [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if any(not one.startswith("tml-") or len(one) < 8 for one in found) or len(found) > MOST_KEYS:
        raise ConfigError(
            f"a key begins with tml- (the SDK sees to it) and has 8 characters or more; at most {MOST_KEYS}"
        )
    if file and not found:
        raise ConfigError(f"key_file={file} holds no key: a line for each")
    return found


def file_of(name: str, value: str | None) -> Path | None:
    if value is None:
        return None
    if not (path := Path(value).expanduser()).is_file():
        raise ConfigError(f"{name}={value} is no file")
    return path


def check_installed() -> None:
    try:
        import google.protobuf  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"straw serve needs {error.name}, and it is not there: pip install 'straw[serve]'") from None
