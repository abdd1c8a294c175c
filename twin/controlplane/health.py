"""Asking a member whether it is well, over TLS that is verified both ways."""

from __future__ import annotations

import http.client
import ssl

from twin.controlplane.members import Member
from twin.controlplane.pki import Pki
from twin.controlplane.ports import HOST


def trusting(pki: Pki, authority: str, client: str) -> ssl.SSLContext:
    """A TLS context that trusts one authority alone and shows the certificate of `client`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(pki.certificate(authority))
    context.load_cert_chain(pki.certificate(client), pki.key(client))
    return context


def ailment(member: Member, pki: Pki, timeout: float = 3.0) -> str:
    """What is wrong with `member` as far as its health endpoint tells; empty when it is well."""
    connection = http.client.HTTPSConnection(
        HOST, member.port, timeout=timeout, context=trusting(pki, member.authority, member.client)
    )
    try:
        connection.request("GET", member.health)
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"https://{HOST}:{member.port}{member.health}: {error}"
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.OK:
        return ""
    failed = [line for line in body.splitlines() if line.startswith("[-]")]
    return f"{member.health} answers {answer.status}: {'; '.join(failed) or body.strip()}"
