"""Signs receipts so that any later change shows: PAdES, ECDSA P-256, no change allowed."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

FIELD = "Receipt"
DIGEST = "sha256"
SIGNATURE_BYTES_MAX = 72  # DER of two 256-bit numbers.


class _KeyInMemory(signers.Signer):
    """pyHanko's own signer parses and checks the private key again for every signature."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: list[asn1.Certificate]) -> None:
        registry = SimpleCertificateStore()
        registry.register_multiple(chain)
        super().__init__(signing_cert=chain[0], cert_registry=registry)
        self._key = key

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        assert digest_algorithm == DIGEST
        if dry_run:
            return bytes(SIGNATURE_BYTES_MAX)
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


class Signer:
    """Holds the key that signs receipts; one for each process of the rendering pool."""

    def __init__(self, key: PrivateKeyTypes, chain: Sequence[x509.Certificate]) -> None:
        """`chain` begins with the certificate of the key, then the ones above it."""
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._signer = _KeyInMemory(
            key, [asn1.Certificate.load(one.public_bytes(Encoding.DER)) for one in chain]
        )
        # Invisible: a box would draw pyHanko's stamp over the seal.
        self._metadata = signers.PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm=DIGEST,
            subfilter=fields.SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        )

    def sign(self, pdf: bytes) -> bytes:
        """Runs an event loop of its own inside: call it from a worker, never from a coroutine."""
        writer = IncrementalPdfFileWriter(BytesIO(pdf))
        signed = signers.sign_pdf(writer, self._metadata, signer=self._signer)
        return bytes(signed.getbuffer())
