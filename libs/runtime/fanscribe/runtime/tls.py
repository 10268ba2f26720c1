"""The home of TLS: certificates from files, checked at the start, renewed while a process runs.

A certificate goes with its key; the file may hold the chain up to its issuer. All files are PEM,
and read again when they change: by servers for each connection, by clients for each channel.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import grpc
from pydantic import AfterValidator, Field, ValidationInfo

from fanscribe.runtime.reloading import Reloaded
from fanscribe.runtime.settings import Settings


@dataclass(frozen=True)
class ServerTls:
    """What a server shows, and whom it lets in."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None  # whoever calls needs a certificate of these; None: need not


@dataclass(frozen=True)
class ClientTls:
    """Whom a client believes, and what it shows.

    Made of files: a certificate needs its key. Raises ValueError where they are no good.
    """

    ca_file: Path | None = None  # None: authorities that everybody trusts, as gRPC lists them
    cert_file: Path | None = None
    key_file: Path | None = None
    # The name that the server's certificate must have; empty: the host that is connected to.
    server_name: str = ""

    def __post_init__(self) -> None:
        """Check the files."""
        self.check()

    def check(self) -> None:
        """Raise ValueError unless the files are good now."""
        if self.ca_file is not None:
            check_authorities(self.ca_file)
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("a certificate and its key go together: one of them is missing")
        if self.cert_file is not None and self.key_file is not None:
            check_key_pair(self.cert_file, self.key_file)


def check_authorities(file: Path) -> Path:
    """Return `file` if it holds certificates; raises ValueError that says what is wrong."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError as error:
        raise ValueError(f"{file} holds no certificates (PEM)") from error
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    return file


def check_key_pair(cert_file: Path, key_file: Path) -> None:
    """Raise ValueError unless both can be read and belong together."""
    for file in (cert_file, key_file):
        try:
            file.open("rb").close()
        except OSError as error:
            raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    try:
        # Without the password OpenSSL would ask for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        raise ValueError(
            f"{cert_file} and {key_file} are not a certificate and its key, unencrypted (PEM)"
        ) from error


def server_credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """Make credentials for one port of a server; renewed files count for the next connection.

    Raises ValueError for files that are no good.
    """

    def load() -> grpc.ServerCertificateConfiguration:
        check_key_pair(tls.cert_file, tls.key_file)
        pair = tls.key_file.read_bytes(), tls.cert_file.read_bytes()
        authorities = None
        if tls.client_ca_file is not None:
            authorities = check_authorities(tls.client_ca_file).read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], authorities)

    files = (tls.cert_file, tls.key_file, tls.client_ca_file)
    reloaded = Reloaded((file for file in files if file is not None), load)
    shown = reloaded.current()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        # gRPC asks before each handshake, and wants to hear only of news.
        nonlocal shown
        current = reloaded.current()
        if current is shown:
            return None
        shown = current
        return current

    return grpc.dynamic_ssl_server_credentials(
        shown,
        fetch,  # type: ignore[arg-type]  # its types do not know of None, which is documented
        require_client_authentication=tls.client_ca_file is not None,
    )


class ClientCredentials:
    """Credentials for channels to one kind of server. Raises ValueError for files no good."""

    def __init__(self, tls: ClientTls) -> None:
        self._tls = tls
        files = (tls.ca_file, tls.cert_file, tls.key_file)
        self._files = Reloaded((file for file in files if file is not None), self._load)

    def current(self) -> grpc.ChannelCredentials:
        """Credentials for a new channel; the same object as long as the files are the same."""
        return self._files.current()

    @property
    def channel_options(self) -> tuple[tuple[str, str], ...]:
        """What a channel must be told beside."""
        name = self._tls.server_name
        return (("grpc.ssl_target_name_override", name),) if name else ()

    def _load(self) -> grpc.ChannelCredentials:
        tls = self._tls
        tls.check()
        return grpc.ssl_channel_credentials(
            root_certificates=_bytes_of(tls.ca_file),
            private_key=_bytes_of(tls.key_file),
            certificate_chain=_bytes_of(tls.cert_file),
        )


def _bytes_of(file: Path | None) -> bytes | None:
    return file.read_bytes() if file is not None else None


def _check_readable(file: Path) -> Path:
    try:
        file.open("rb").close()
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    return file


AuthoritiesFile = Annotated[Path, AfterValidator(check_authorities)]
ReadableFile = Annotated[Path, AfterValidator(_check_readable)]
# A setting that is checked even where it is left out, because others may ask for it.
UNSET: Final = Field(default=None, validate_default=True)


def for_tls(switch: str) -> AfterValidator:
    """Check that a file is given only where the field `switch`, before it, turns TLS on."""

    def check(file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None and info.data.get(switch, file) is None:
            raise ValueError(f"it is for TLS, which FANSCRIBE_{switch.upper()} turns on")
        return file

    return AfterValidator(check)


def key_of(certificate: str) -> AfterValidator:
    """Check that a key goes with the certificate in the field `certificate`, before it."""

    def check(key_file: Path | None, info: ValidationInfo) -> Path | None:
        if certificate not in info.data:
            return key_file  # the certificate is wrong itself, and told
        cert_file = info.data[certificate]
        if (cert_file is None) != (key_file is None):
            raise ValueError(
                f"it goes together with FANSCRIBE_{certificate.upper()}: one is missing"
            )
        if cert_file is not None and key_file is not None:
            check_key_pair(cert_file, key_file)
        return key_file

    return AfterValidator(check)


class TlsServerSettings(Settings):
    """How a gRPC server shows itself. Without a certificate it speaks plain text."""

    # Its certificate, with the chain up to its issuer.
    tls_cert_file: ReadableFile | None = None
    # The certificate's key, not encrypted.
    tls_key_file: Annotated[ReadableFile | None, key_of("tls_cert_file")] = UNSET
    # Authorities of the certificates that callers must show. Without it they need not have any.
    tls_client_ca_file: Annotated[AuthoritiesFile | None, for_tls("tls_cert_file")] = UNSET

    @property
    def server_tls(self) -> ServerTls | None:
        """What the server shows; None: plain text."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return ServerTls(self.tls_cert_file, self.tls_key_file, self.tls_client_ca_file)
