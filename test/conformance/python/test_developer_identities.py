"""Developer identities, linking and unlinking of identity pools through boto3."""

import pytest
from support import allow, client, make_role, refused, trust, unique, unsigned

ids = client("cognito-identity")
browser = unsigned("cognito-identity")
NAME = "login.example"
TRUSTED = "cognito-identity.amazonaws.com"


class World:
    def __init__(self):
        self.pool = ids.create_identity_pool(
            IdentityPoolName=unique("dev"), AllowUnauthenticatedIdentities=True, DeveloperProviderName=NAME)["IdentityPoolId"]

        def role(amr, *statements):
            return make_role(trust({"Federated": TRUSTED}, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], Condition={
                "StringEquals": {f"{TRUSTED}:aud": self.pool}, "ForAnyValue:StringLike": {f"{TRUSTED}:amr": amr}}), *statements)

        self.role = role(NAME, allow("iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/org": "acme"}}))
        ids.set_identity_pool_roles(IdentityPoolId=self.pool, Roles={"authenticated": self.role, "unauthenticated": role("unauthenticated")})
        self.only_alice = role(f"{NAME}:{self.pool}:alice")

    def token(self, user, **more):
        return ids.get_open_id_token_for_developer_identity(IdentityPoolId=self.pool, Logins={NAME: user}, **more)


@pytest.fixture(scope="module")
def world():
    return World()


def credentials(got):
    return browser.get_credentials_for_identity(IdentityId=got["IdentityId"], Logins={TRUSTED: got["Token"]})["Credentials"]


def test_tokens_and_tags(world):
    alice = world.token("alice", PrincipalTags={"org": "acme"}, TokenDuration=60)
    client("iam", credentials(alice)).list_users()
    with refused("AccessDenied"):
        client("iam", credentials(world.token("bob", PrincipalTags={"org": "globex"}))).list_users()
    assert world.token("alice")["IdentityId"] == alice["IdentityId"]
    with refused("NotAuthorizedException"):
        browser.get_credentials_for_identity(IdentityId=world.token("bob")["IdentityId"], Logins={TRUSTED: alice["Token"]})


def test_amr_of_the_basic_flow(world):
    sts = unsigned("sts")
    sts.assume_role_with_web_identity(RoleArn=world.only_alice, RoleSessionName="a1", WebIdentityToken=world.token("alice")["Token"])
    with refused("AccessDenied"):
        sts.assume_role_with_web_identity(RoleArn=world.only_alice, RoleSessionName="b1", WebIdentityToken=world.token("bob")["Token"])


def test_lookup_merge_unlink(world):
    one, two = world.token("one")["IdentityId"], world.token("two")["IdentityId"]
    assert ids.lookup_developer_identity(IdentityPoolId=world.pool, DeveloperUserIdentifier="one")["IdentityId"] == one
    with refused("ResourceConflictException"):
        ids.lookup_developer_identity(IdentityPoolId=world.pool, DeveloperUserIdentifier="one", IdentityId=two)
    with refused("DeveloperUserAlreadyRegisteredException"):
        world.token("one", IdentityId=two)
    merged = ids.merge_developer_identities(
        IdentityPoolId=world.pool, DeveloperProviderName=NAME, SourceUserIdentifier="one", DestinationUserIdentifier="two")["IdentityId"]
    assert merged == two == world.token("one")["IdentityId"]
    assert sorted(ids.lookup_developer_identity(IdentityPoolId=world.pool, IdentityId=two)["DeveloperUserIdentifierList"]) == ["one", "two"]
    with refused("NotAuthorizedException"):
        browser.get_credentials_for_identity(IdentityId=one)
    ids.unlink_developer_identity(IdentityPoolId=world.pool, IdentityId=two, DeveloperProviderName=NAME, DeveloperUserIdentifier="one")
    assert world.token("one")["IdentityId"] not in (one, two)


def test_a_guest_signs_in(world):
    guest = browser.get_id(IdentityPoolId=world.pool)["IdentityId"]
    browser.get_credentials_for_identity(IdentityId=guest)
    assert world.token(unique("user"), IdentityId=guest)["IdentityId"] == guest
    with refused("NotAuthorizedException"):
        browser.get_credentials_for_identity(IdentityId=guest)


def test_not_by_anybody(world):
    with refused("NotAuthorizedException"):
        browser.get_id(IdentityPoolId=world.pool, Logins={NAME: "alice"})
    with refused("MissingAuthenticationTokenException"):
        browser.get_open_id_token_for_developer_identity(IdentityPoolId=world.pool, Logins={NAME: "alice"})
