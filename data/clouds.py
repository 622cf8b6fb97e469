"""Objects in the stores of clouds, S3 and its like or Google's, over the connections that LitData makes.

Its own functions take an address apart as that of a page, and lose what follows "#" or "?" in the name of an object.
"""

from pathlib import Path
from typing import Any, BinaryIO, Protocol

CONNECT, READ = 5, 30  # seconds that a connection, and the next bytes, may take
ONCE: dict[str, Any] = {"retry": None, "timeout": (CONNECT, READ)}  # Google's own repeats take two silent minutes


class Cloud(Protocol):
    """A client of one cloud, whose errors are those of the cloud's own package."""

    def upload(self, path: Path, bucket: str, name: str) -> None:
        """Write an object, which is there as a whole or not at all."""

    def download(self, bucket: str, name: str, file: BinaryIO) -> None:
        """Write what is in an object into a file."""

    def exists(self, bucket: str, name: str) -> bool:
        """Tell whether there is an object; that there is none may be an error too."""

    def list_names(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of all objects that begin so."""


class S3:
    """Amazon's, and others that answer as it does."""

    def __init__(self) -> None:
        from botocore.config import Config
        from litdata.streaming.fs_provider import S3FsProvider

        retries = {"total_max_attempts": 1, "mode": "standard"}  # those of `data.storage` say what is wrong
        options = Config(connect_timeout=CONNECT, read_timeout=READ, retries=retries)
        self._connection = S3FsProvider(storage_options={"config": options}).client

    @property
    def _client(self) -> Any:
        return self._connection.client  # made anew where its credentials run out

    def upload(self, path: Path, bucket: str, name: str) -> None:
        """Write an object."""
        self._client.upload_file(str(path), bucket, name)

    def download(self, bucket: str, name: str, file: BinaryIO) -> None:
        """Write what is in an object into a file."""
        self._client.download_fileobj(bucket, name, file)

    def exists(self, bucket: str, name: str) -> bool:
        """Tell whether there is an object; that there is none is an error of status 404."""
        self._client.head_object(Bucket=bucket, Key=name)
        return True

    def list_names(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of all objects that begin so."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


class Google:
    """Google's."""

    def __init__(self) -> None:
        from litdata.streaming.fs_provider import GCPFsProvider

        self._client: Any = GCPFsProvider().client

    def upload(self, path: Path, bucket: str, name: str) -> None:
        """Write an object."""
        self._client.bucket(bucket).blob(name).upload_from_filename(str(path), **ONCE)

    def download(self, bucket: str, name: str, file: BinaryIO) -> None:
        """Write what is in an object into a file."""
        self._client.bucket(bucket).blob(name).download_to_file(file, **ONCE)

    def exists(self, bucket: str, name: str) -> bool:
        """Tell whether there is an object."""
        return bool(self._client.bucket(bucket).blob(name).exists(**ONCE))

    def list_names(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of all objects that begin so."""
        return [blob.name for blob in self._client.list_blobs(bucket, prefix=prefix, **ONCE)]


CLOUDS: dict[str, type[S3] | type[Google]] = {"s3": S3, "gs": Google}  # by the scheme of an address
