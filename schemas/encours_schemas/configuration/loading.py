"""Bring file, environment and flags together, and say of every key where it comes from.

Precedence: flag > environment > file > default, key by key. All errors are reported at once.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from encours_schemas.configuration import keys
from encours_schemas.configuration.models import Configuration
from encours_schemas.configuration.problems import problem_of
from encours_schemas.errors import ConfigurationWrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from encours_schemas.configuration.keys import KeyPath

ORIGIN_DEFAULT: Final = "default"
ORIGIN_FLAG: Final = "flag"


@dataclass(frozen=True)
class Loaded:
    """The configuration, and the origin of every key.

    origin  dotted key -> `flag`, `environment ENCOURS_…`, `file …` or `default`
    """

    configuration: Configuration
    origin: dict[str, str]


@dataclass(frozen=True)
class _Given:
    path: KeyPath
    value: object
    origin: str


def load_configuration(
    path: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, object],
) -> Loaded:
    """Give the configuration in force, or ConfigurationWrong with every error found.

    path         the TOML file, None when there is none
    environment  all environment variables; only `ENCOURS_SECTION__KEY` are looked at
    flags        dotted key -> value; None means that the flag was not given. A text for a key
                 that is no text is read like an environment variable
    """
    problems: list[ConfigurationWrong] = []
    given = [
        *_from_file(path),
        *_from_environment(environment, problems),
        *_from_flags(flags, problems),
    ]
    tree, origins = _merged(given)
    try:
        configuration = Configuration.model_validate(tree)
    except ValidationError as error:
        problems += [problem_of(details, origins) for details in error.errors(include_url=False)]
        raise ConfigurationWrong.collected(problems) from None
    if problems:
        raise ConfigurationWrong.collected(problems)
    return Loaded(configuration, _origin_of_keys(configuration, origins))


def _from_file(path: Path | None) -> list[_Given]:
    if path is None:
        return []
    where = f"file {path}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
        # Decimal, because a binary float is not what the file says.
        tree = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise ConfigurationWrong(
            what="the configuration file cannot be read",
            where=where,
            found=error.strerror or type(error).__name__,
            cure="give another file with --config, or none",
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        found = "bytes that are not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigurationWrong(
            what="the configuration file is not TOML", where=where, found=found
        ) from None
    return [_Given(key, value, where) for key, value in _leaves(tree)]


def _leaves(tree: Mapping[str, Any], prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Give every value that is no table, and every empty table, with its path."""
    for key, value in tree.items():
        path = (*prefix, key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _from_environment(
    environment: Mapping[str, str], problems: list[ConfigurationWrong]
) -> list[_Given]:
    given = []
    for name in sorted(environment):
        try:
            path = keys.path_of_variable(name)
            if path is not None:
                value = keys.value_of_text(path, environment[name])
                given += _spread(path, value, f"environment {name}")
        except ConfigurationWrong as problem:
            problems.append(problem)
    return given


def _from_flags(flags: Mapping[str, object], problems: list[ConfigurationWrong]) -> list[_Given]:
    given = []
    for key, value in flags.items():
        if value is None:
            continue
        try:
            path = keys.path_of_dotted(key)
        except ConfigurationWrong as problem:
            problems.append(problem)
            continue
        read = keys.value_of_text(path, value) if isinstance(value, str) else value
        given += _spread(path, read, ORIGIN_FLAG)
    return given


def _spread(path: KeyPath, value: object, origin: str) -> list[_Given]:
    """Give the single values of a table that was given as one value."""
    leaves = _leaves(value, path) if isinstance(value, dict) and value else [(path, value)]
    return [_Given(leaf, one, origin) for leaf, one in leaves]


def _merged(given: list[_Given]) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    """Put the values into one tree, later ones over earlier ones, and keep their origins."""
    tree: dict[str, Any] = {}
    origins: dict[KeyPath, str] = {}
    for one in given:
        node: Any = tree
        for name in one.path[:-1]:
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                break  # a value where a table belongs: the models say so
        else:
            if one.value == {} and isinstance(node.get(one.path[-1]), dict):
                continue
            node[one.path[-1]] = one.value
            origins[one.path] = one.origin
    return tree, origins


def _origin_of_keys(configuration: Configuration, origins: Mapping[KeyPath, str]) -> dict[str, str]:
    dump = configuration.model_dump(mode="json")
    return {
        keys.dotted(path): origins.get(path, ORIGIN_DEFAULT)
        for path, value in _leaves(dump)
        if not (path[:2] == ("exposure", "segments") and value is None)
    }
