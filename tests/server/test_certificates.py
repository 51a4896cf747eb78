"""The centre's trust, against certificates as real CAs and strangers make them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server import demo_ca
from server.certificates import (
    Rejected,
    TrustFolder,
    check_certificate,
    check_signature,
    load_trust,
    parse_certificate,
    spki_sha256,
)
from server.demo_ca import DemoCa, Holder

NOW = datetime.now(UTC)


@pytest.fixture
def ca(tmp_path: Path) -> DemoCa:
    return demo_ca.make(tmp_path / "ca")


def rejection(ca: DemoCa, certificate: x509.Certificate, now: datetime | None = None) -> str:
    try:
        check_certificate(load_trust(ca.trust_folder), certificate, now=now)
    except Rejected as rejected:
        return rejected.code
    return "accepted"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("p256", "accepted"),
        ("rsa2048", "accepted"),
        ("expired", "L04"),
        ("not-yet-valid", "L04"),
        ("encryption", "L15"),
        ("other-ca", "L03"),
    ],
)
def test_certificate_of_each_kind_is_judged(ca: DemoCa, name: str, code: str) -> None:
    assert rejection(ca, ca.operator(name).certificate) == code


def test_certificate_after_its_end_is_refused_by_the_given_time(ca: DemoCa) -> None:
    certificate = ca.operator("p256").certificate
    late = certificate.not_valid_after_utc + timedelta(seconds=1)
    assert rejection(ca, certificate, now=late) == "L04"


def test_certificate_of_a_ca_does_not_log_in(ca: DemoCa) -> None:
    assert rejection(ca, ca.issuing.certificate) in ("L03", "L15")


def test_operator_certificate_as_issuer_makes_no_chain(ca: DemoCa) -> None:
    mallory = demo_ca.issue_operator(
        ca, "by-operator", Holder(), issuer=ca.operator("p256")
    ).certificate
    trust = load_trust(ca.trust_folder)
    with pytest.raises(Rejected) as caught:
        check_certificate(trust, mallory, [ca.operator("p256").certificate])
    assert caught.value.code == "L03"


def test_offered_root_of_a_stranger_is_not_trusted(ca: DemoCa) -> None:
    with pytest.raises(Rejected) as caught:
        check_certificate(
            load_trust(ca.trust_folder),
            ca.operator("other-ca").certificate,
            [ca.foreign_root.certificate],
        )
    assert caught.value.code == "L03"


def test_intermediate_offered_by_the_client_completes_the_chain(ca: DemoCa) -> None:
    issuing = ca.issuing.certificate
    ca.issuing.certificate_file.unlink()
    trust = load_trust(ca.trust_folder)
    leaf = ca.operator("p256").certificate
    check_certificate(trust, leaf, [issuing])
    with pytest.raises(Rejected):
        check_certificate(trust, leaf)


def test_no_roots_refuses_everybody(ca: DemoCa) -> None:
    ca.root_file.unlink()
    assert rejection(ca, ca.operator("p256").certificate) == "L03"


def test_revoked_certificate_is_refused_and_others_are_not(ca: DemoCa) -> None:
    demo_ca.revoke(ca, ca.operator("p256").certificate)
    assert rejection(ca, ca.operator("p256").certificate) == "L05"
    assert rejection(ca, ca.operator("rsa2048").certificate) == "accepted"


def test_revoked_issuing_ca_refuses_its_certificates(ca: DemoCa) -> None:
    demo_ca.revoke(ca, ca.issuing.certificate)
    assert rejection(ca, ca.operator("p256").certificate) == "L05"


def test_missing_list_refuses_unless_soft(ca: DemoCa) -> None:
    ca.crl_file("issuing").unlink()
    leaf = ca.operator("p256").certificate
    assert rejection(ca, leaf) == "L12"
    check_certificate(load_trust(ca.trust_folder, is_soft_fail=True), leaf)


@pytest.mark.parametrize(("hours_late", "code"), [(23, "accepted"), (25, "L12")])
def test_late_list_counts_through_its_grace(ca: DemoCa, hours_late: int, code: str) -> None:
    for name in ("root", "issuing"):
        demo_ca.issue_crl(ca, name, NOW - timedelta(days=7), NOW - timedelta(hours=hours_late))
    assert rejection(ca, ca.operator("p256").certificate, now=NOW) == code


def test_old_list_still_revokes(ca: DemoCa) -> None:
    demo_ca.revoke(ca, ca.operator("p256").certificate)
    demo_ca.issue_crl(ca, "issuing", NOW - timedelta(days=60), NOW - timedelta(days=50))
    assert rejection(ca, ca.operator("p256").certificate) == "L05"


def test_list_signed_by_somebody_else_does_not_count(ca: DemoCa) -> None:
    forged = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.issuing.certificate.subject)
        .last_update(NOW - timedelta(hours=1))
        .next_update(NOW + timedelta(days=9))
        .sign(ca.foreign_root.key, hashes.SHA256())
    )
    ca.crl_file("issuing").write_bytes(forged.public_bytes(Encoding.DER))
    assert rejection(ca, ca.operator("p256").certificate) == "L12"


def test_partial_list_acquits_nobody(ca: DemoCa) -> None:
    partial = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.issuing.certificate.subject)
        .last_update(NOW - timedelta(hours=1))
        .next_update(NOW + timedelta(days=9))
        .add_extension(
            x509.IssuingDistributionPoint(None, None, False, True, None, False, False), True
        )
        .sign(ca.issuing.key, hashes.SHA256())
    )
    ca.crl_file("issuing").write_bytes(partial.public_bytes(Encoding.PEM))
    assert rejection(ca, ca.operator("p256").certificate) == "L12"


def test_trust_folder_new_list_counts_at_once(ca: DemoCa) -> None:
    folder = TrustFolder(ca.trust_folder)
    leaf = ca.operator("p256").certificate
    check_certificate(folder.current(), leaf)
    demo_ca.revoke(ca, leaf)
    with pytest.raises(Rejected):
        check_certificate(folder.current(), leaf)
    assert folder.current() is folder.current()


def self_signed(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 5, NOW, NOW)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


def test_parse_weak_or_foreign_key_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    for key in (weak, ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(Rejected) as caught:
            parse_certificate(self_signed(key).public_bytes(Encoding.DER))
        assert caught.value.code == "L09"


@pytest.mark.parametrize("der", [b"", b"0", b"\x30\x82\x10\x00" + b"A" * 40])
def test_parse_rubbish_is_refused(der: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        parse_certificate(der)
    assert caught.value.code == "L09"


def test_certificate_for_servers_only_does_not_log_in(ca: DemoCa) -> None:
    # The demo's TLS certificate: the same CA, digitalSignature, and another purpose.
    usages = ca.tls.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in usages
    assert rejection(ca, ca.tls.certificate) == "L15"


def test_signature_with_another_algorithm_than_the_keys_is_refused(ca: DemoCa) -> None:
    operator = ca.operator("p256")
    key = operator.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    good = key.sign(b"message", ec.ECDSA(hashes.SHA256()))
    check_signature(operator.certificate, "ECDSA-SHA256", good, b"message")
    for algorithm, message, code in [
        ("RSA-PKCS1-SHA256", b"message", "L09"),
        ("none", b"message", "L09"),
        ("ECDSA-SHA256", b"another", "L02"),
    ]:
        with pytest.raises(Rejected) as caught:
            check_signature(operator.certificate, algorithm, good, message)
        assert caught.value.code == code


def test_demo_ca_made_twice_keeps_every_file(tmp_path: Path) -> None:
    ca = demo_ca.make(tmp_path / "ca")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    demo_ca.make(tmp_path / "ca")
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert spki_sha256(ca.tls.certificate) != spki_sha256(ca.receipts.certificate)


def test_demo_ca_private_keys_are_for_the_owner_only(ca: DemoCa) -> None:
    keys = list(ca.folder.rglob("*.key"))
    assert len(keys) == 11
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_demo_ca_old_list_is_renewed(ca: DemoCa) -> None:
    demo_ca.issue_crl(ca, "issuing", NOW - timedelta(days=60), NOW - timedelta(days=30))
    demo_ca.make(ca.folder)
    assert rejection(ca, ca.operator("p256").certificate) == "accepted"


def test_trust_is_read_from_the_folder_with_crls(ca: DemoCa) -> None:
    trust = load_trust(ca.trust_folder)
    assert (len(trust.roots), len(trust.intermediates), len(trust.crls)) == (1, 1, 2)
    assert all(crl.next_update_utc and crl.next_update_utc > NOW for crl in trust.crls)
