"""Identity pools through boto3: S3's roles and tag map, anonymous and signed-in identities, and what does not work."""

import pytest
from support import REGION, account, allow, client, make_role, refused, trust, unique, unsigned
from test_cognito import add_user, by_password, make_client, make_pool
from test_dynamodb import key, make_table, s

ids = client("cognito-identity")
browser = unsigned("cognito-identity")


class World:
    """A user pool with two organisations' users, an identity pool, S3's table, roles and tag map."""

    def __init__(self):
        self.pool = make_pool()
        self.app = make_client(self.pool)["ClientId"]
        self.names = {t: unique(t) for t in ("acme", "globex")}
        for tenant, name in self.names.items():
            add_user(self.pool, name, tenant)
        self.provider = f"cognito-idp.{REGION}.amazonaws.com/{self.pool}"
        self.ids = ids.create_identity_pool(
            IdentityPoolName=unique("ids"), AllowUnauthenticatedIdentities=True, AllowClassicFlow=True,
            CognitoIdentityProviders=[{"ProviderName": self.provider, "ClientId": self.app}])["IdentityPoolId"]
        self.table = make_table()
        for pk in ("acme#1", "globex#1", "PUBLIC#1", "#1"):
            client("dynamodb").put_item(TableName=self.table, Item=key(pk))
        arn = f"arn:aws:dynamodb:{REGION}:{account()}:table/{self.table}"

        def rows(pattern):
            return allow(["dynamodb:GetItem", "dynamodb:Query"], arn, Condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [pattern]}})

        def trusted(amr, actions):
            return trust({"Federated": "cognito-identity.amazonaws.com"}, actions, Condition={
                "StringEquals": {"cognito-identity.amazonaws.com:aud": self.ids},
                "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": amr}})

        self.signed_in = make_role(trusted("authenticated", ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]), rows("PUBLIC#*"), rows("${aws:PrincipalTag/org}#*"))
        self.anonymous = make_role(trusted("unauthenticated", ["sts:AssumeRoleWithWebIdentity"]), rows("PUBLIC#*"))
        ids.set_identity_pool_roles(IdentityPoolId=self.ids, Roles={"authenticated": self.signed_in, "unauthenticated": self.anonymous})
        ids.set_principal_tag_attribute_map(IdentityPoolId=self.ids, IdentityProviderName=self.provider, UseDefaults=False,
                                            PrincipalTags={"org": "custom:tenant_id", "username": "sub", "client": "aud"})

    def logins(self, tenant):
        return {self.provider: by_password(self.app, self.names[tenant])["IdToken"]}

    def credentials(self, tenant=None):
        logins = {"Logins": self.logins(tenant)} if tenant else {}
        identity = browser.get_id(IdentityPoolId=self.ids, **logins)["IdentityId"]
        return browser.get_credentials_for_identity(IdentityId=identity, **logins)["Credentials"]


@pytest.fixture(scope="module")
def world():
    return World()


def reads(world, credentials, pk):
    return client("dynamodb", credentials).get_item(TableName=world.table, Key=key(pk))["Item"]["pk"] == s(pk)


def test_pool(world):
    got = ids.describe_identity_pool(IdentityPoolId=world.ids)
    assert got["AllowUnauthenticatedIdentities"] and got["CognitoIdentityProviders"][0]["ProviderName"] == world.provider
    assert ids.get_identity_pool_roles(IdentityPoolId=world.ids)["Roles"]["authenticated"] == world.signed_in
    tags = ids.get_principal_tag_attribute_map(IdentityPoolId=world.ids, IdentityProviderName=world.provider)
    assert tags["PrincipalTags"]["org"] == "custom:tenant_id" and tags["UseDefaults"] is False
    assert world.ids in {p["IdentityPoolId"] for p in ids.list_identity_pools(MaxResults=60)["IdentityPools"]}
    with refused("ResourceNotFoundException", f"IdentityPool '{REGION}:00000000-0000-0000-0000-000000000000' not found."):
        ids.describe_identity_pool(IdentityPoolId=f"{REGION}:00000000-0000-0000-0000-000000000000")


def test_a_signed_in_user(world):
    credentials = world.credentials("acme")
    arn = client("sts", credentials).get_caller_identity()["Arn"]
    assert arn.endswith(f"assumed-role/{world.signed_in.split('/')[-1]}/CognitoIdentityCredentials")
    assert reads(world, credentials, "acme#1") and reads(world, credentials, "PUBLIC#1")
    for pk in ("globex#1", "#1", "acme", "acme2#1"):
        with refused("AccessDeniedException"):
            reads(world, credentials, pk)
    with refused("AccessDeniedException"):
        client("dynamodb", credentials).put_item(TableName=world.table, Item=key("acme#1"))


def test_an_anonymous_browser(world):
    credentials = world.credentials()
    assert reads(world, credentials, "PUBLIC#1")
    for pk in ("acme#1", "globex#1", "#1"):
        with refused("AccessDeniedException"):
            reads(world, credentials, pk)


def test_identities_are_stable_and_apart(world):
    logins = world.logins("acme")
    one = browser.get_id(IdentityPoolId=world.ids, Logins=logins)["IdentityId"]
    assert one == browser.get_id(IdentityPoolId=world.ids, Logins=world.logins("acme"))["IdentityId"]
    other = browser.get_id(IdentityPoolId=world.ids, Logins=world.logins("globex"))["IdentityId"]
    assert one != other
    with refused("NotAuthorizedException"):
        browser.get_credentials_for_identity(IdentityId=other, Logins=logins)
    with refused("NotAuthorizedException"):
        browser.get_credentials_for_identity(IdentityId=other)
    assert one in {i["IdentityId"] for i in ids.list_identities(IdentityPoolId=world.ids, MaxResults=60)["Identities"]}
    assert ids.describe_identity(IdentityId=one)["Logins"] == [world.provider]


def test_tokens_that_do_not_hold(world):
    (token,) = world.logins("acme").values()
    head, body, signature = token.split(".")
    with refused("NotAuthorizedException", "Invalid login token"):
        browser.get_id(IdentityPoolId=world.ids, Logins={world.provider: f"{head}.{body}.{signature[::-1]}"})
    access = by_password(world.app, world.names["acme"])["AccessToken"]
    with refused("NotAuthorizedException"):
        browser.get_id(IdentityPoolId=world.ids, Logins={world.provider: access})
    other = make_client(world.pool)["ClientId"]
    with refused("NotAuthorizedException"):
        browser.get_id(IdentityPoolId=world.ids, Logins={world.provider: by_password(other, world.names["acme"])["IdToken"]})
    stranger = make_pool()
    with refused("NotAuthorizedException"):
        browser.get_id(IdentityPoolId=world.ids, Logins={f"cognito-idp.{REGION}.amazonaws.com/{stranger}": token})


def test_the_classic_flow(world):
    logins = world.logins("acme")
    identity = browser.get_id(IdentityPoolId=world.ids, Logins=logins)["IdentityId"]
    token = browser.get_open_id_token(IdentityId=identity, Logins=logins)["Token"]
    got = unsigned("sts").assume_role_with_web_identity(RoleArn=world.signed_in, RoleSessionName="classic", WebIdentityToken=token)
    assert got["Audience"] == world.ids and got["SubjectFromWebIdentityToken"] == identity
    assert reads(world, got["Credentials"], "PUBLIC#1")
    with refused("AccessDenied"):  # the role of anonymous identities is not theirs
        unsigned("sts").assume_role_with_web_identity(RoleArn=world.anonymous, RoleSessionName="classic", WebIdentityToken=token)


def test_another_pools_identities_do_not_get_the_role(world):
    other = ids.create_identity_pool(IdentityPoolName=unique("ids"), AllowUnauthenticatedIdentities=True)["IdentityPoolId"]
    ids.set_identity_pool_roles(IdentityPoolId=other, Roles={"unauthenticated": world.anonymous})
    identity = browser.get_id(IdentityPoolId=other)["IdentityId"]
    with refused("InvalidIdentityPoolConfigurationException"):
        browser.get_credentials_for_identity(IdentityId=identity)


def test_no_anonymous_identities_unless_allowed(world):
    closed = ids.create_identity_pool(IdentityPoolName=unique("ids"), AllowUnauthenticatedIdentities=False)["IdentityPoolId"]
    with refused("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool."):
        browser.get_id(IdentityPoolId=closed)
