"""The client's side of Cognito's SRP (RFC 5054's 3072-bit group; the key derivation is Cognito's own)."""

import base64
import datetime
import hashlib
import hmac
import secrets

N = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7D"
    "B3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF", 16)
G = 2


def padded(n):
    """The bytes of a number as Cognito hashes it: never negative as two's complement."""
    size = (n.bit_length() + 7) // 8 or 1
    raw = n.to_bytes(size, "big")
    return b"\0" + raw if raw[0] & 0x80 else raw


def number(*parts):
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


class Client:
    def __init__(self):
        self.a = secrets.randbits(256)
        self.A = pow(G, self.a, N)

    def answer(self, parameters, pool, password, client_id, secret_hash=None):
        """The responses to the PASSWORD_VERIFIER challenge."""
        user = parameters["USER_ID_FOR_SRP"]
        b, salt = int(parameters["SRP_B"], 16), int(parameters["SALT"], 16)
        u = number(padded(self.A), padded(b))
        inner = hashlib.sha256(f"{pool.split('_')[1]}{user}:{password}".encode()).digest()
        x = number(padded(salt), inner)
        k = number(padded(N), padded(G))
        s = pow(b - k * pow(G, x, N), self.a + u * x, N)
        prk = hmac.digest(padded(u), padded(s), "sha256")
        key = hmac.digest(prk, b"Caldera Derived Key\x01", "sha256")[:16]
        now = datetime.datetime.now(datetime.timezone.utc)
        at = now.strftime(f"%a %b {now.day} %H:%M:%S UTC %Y")
        block = base64.b64decode(parameters["SECRET_BLOCK"])
        signature = hmac.digest(key, pool.split("_")[1].encode() + user.encode() + block + at.encode(), "sha256")
        responses = {
            "USERNAME": user, "TIMESTAMP": at, "PASSWORD_CLAIM_SECRET_BLOCK": parameters["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
        }
        if secret_hash:
            responses["SECRET_HASH"] = secret_hash
        return responses


def sign_in(idp, pool, client_id, username, password, secret_hash=None):
    """Signs in by SRP; returns the answer to the verifier."""
    c = Client()
    parameters = {"USERNAME": username, "SRP_A": f"{c.A:x}"}
    if secret_hash:
        parameters["SECRET_HASH"] = secret_hash
    began = idp.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId=client_id, AuthParameters=parameters)
    assert began["ChallengeName"] == "PASSWORD_VERIFIER"
    return idp.respond_to_auth_challenge(
        ClientId=client_id, ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses=c.answer(began["ChallengeParameters"], pool, password, client_id, secret_hash))
