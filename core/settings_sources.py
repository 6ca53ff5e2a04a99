"""Where settings come from beside plain variables: mounted secrets and `config.yaml`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from core.configfile import flatten, load_yaml, unknown_key
from core.errors import ConfigError

CONFIG_ENV = "SENTINEL_CONFIG"
ELSEWHERE = ("storage.timeseries", "storage.events")
"""Keys of guide 2 that load without effect: PostgreSQL holds both, whatever they name."""


class MountedSecrets(PydanticBaseSettingsSource):
    """`NAME_FILE=/run/secrets/x` gives NAME the content of that file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        own = f"{field_name}_file" in type(self).known(self.settings_cls)
        if not path or own:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as problem:
            raise ConfigError(
                f"{field_name.upper()}_FILE names {path}, which cannot be read: {problem.strerror}"
            ) from problem

    @staticmethod
    def known(settings_cls: type[BaseSettings]) -> frozenset[str]:
        return frozenset(settings_cls.model_fields)

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, info in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(info, name)
            if value is not None:
                found[name] = value
        return found


class ConfigFile(PydanticBaseSettingsSource):
    """`config.yaml`, named by the variable SENTINEL_CONFIG."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        path = os.environ.get(CONFIG_ENV)
        if not path:
            return {}
        by_path = {
            str(info.json_schema_extra["file"]): name
            for name, info in self.settings_cls.model_fields.items()
            if isinstance(info.json_schema_extra, dict) and "file" in info.json_schema_extra
        }
        known = (*by_path, *ELSEWHERE)
        found = {}
        for key, value in flatten(load_yaml(Path(path))).items():
            if key in by_path:
                found[by_path[key]] = tuple(value) if isinstance(value, list) else value
            elif not any(key == other or key.startswith(other + ".") for other in ELSEWHERE):
                raise ConfigError(unknown_key(path, key, known))
        return found
