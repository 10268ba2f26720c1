"""Certificates made on the spot, in files as a secret of Kubernetes has them."""

from pathlib import Path

import trustme

from fanscribe.runtime.tls import ClientTls, ServerTls


class Authority:
    """Issues certificates."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / "ca.crt"
        """Its own certificate."""
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *hosts: str) -> "Identity":
        """Issue a certificate for `hosts`, for servers and clients alike, in files of this name."""
        identity = Identity(self._folder / f"{name}.crt", self._folder / f"{name}.key", self.file)
        self.renew(identity, *hosts)
        return identity

    def renew(self, identity: "Identity", *hosts: str) -> None:
        """Put another certificate into the same files."""
        issued = self._ca.issue_cert(*hosts)
        # The key first: in between they do not match, which nobody may fall over.
        _replace(identity.key_file, issued.private_key_pem.bytes())
        _replace(identity.cert_file, issued.cert_chain_pems[0].bytes())
        _replace(identity.ca_file, self._ca.cert_pem.bytes())


class Identity:
    """A certificate, its key, and who issued it: files."""

    def __init__(self, cert_file: Path, key_file: Path, ca_file: Path) -> None:
        self.cert_file = cert_file
        self.key_file = key_file
        self.ca_file = ca_file

    def server(self, *, mutual: bool = True) -> ServerTls:
        """As a server shows it, which asks callers for theirs if `mutual`."""
        return ServerTls(self.cert_file, self.key_file, self.ca_file if mutual else None)

    def client(self, server_name: str = "", *, mutual: bool = True) -> ClientTls:
        """As a client shows it, if `mutual`."""
        own = (self.cert_file, self.key_file) if mutual else (None, None)
        return ClientTls(self.ca_file, *own, server_name)


def _replace(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.rename(file)
