"""Client credentials and discovery, with PyJWT to check the tokens, before and after the keys are replaced."""

import json
import urllib.parse
import urllib.request

import jwt
from support import client, endpoint, unique
from test_tenants import call

idp = client("cognito-idp")


def test_tokens_of_machines_are_checked_by_published_keys():
    pool = idp.create_user_pool(PoolName=unique("m2m"))["UserPool"]["Id"]
    idp.create_resource_server(UserPoolId=pool, Identifier="orders", Name="Orders",
                               Scopes=[{"ScopeName": "read", "ScopeDescription": "Read"}])
    app = idp.create_user_pool_client(
        UserPoolId=pool, ClientName="c", GenerateSecret=True, AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["orders/read"])["UserPoolClient"]
    with urllib.request.urlopen(f"{endpoint()}/{pool}/.well-known/openid-configuration") as r:
        found = json.load(r)

    def token():
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": app["ClientId"], "client_secret": app["ClientSecret"]})
        with urllib.request.urlopen(found["token_endpoint"], form.encode()) as r:
            assert r.headers["Cache-Control"] == "no-store"
            return json.load(r)["access_token"]

    def check(text):
        key = jwt.PyJWKClient(found["jwks_uri"]).get_signing_key_from_jwt(text)
        return jwt.decode(text, key.key, algorithms=["RS256"], issuer=found["issuer"])

    old = token()
    assert check(old)["scope"] == "orders/read" and check(old)["sub"] == app["ClientId"]

    def published():
        with urllib.request.urlopen(found["jwks_uri"]) as r:
            return {k["kid"] for k in json.load(r)["keys"]}

    before = published()
    call("POST", f"/-/api/v1/user-pools/{pool}/rotate-keys", {})
    # The new keys are published ten minutes before they sign, so that whoever keeps a key set has them in time.
    assert published() > before and len(published()) == 2 * len(before)
    new = token()
    assert jwt.get_unverified_header(new)["kid"] == jwt.get_unverified_header(old)["kid"]
    assert check(old) and check(new)
