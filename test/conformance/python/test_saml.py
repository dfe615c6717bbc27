"""IAM SAML providers, AssumeRoleWithSAML and SAML logins of identity pools through boto3."""

import pytest
from samlidp import AWS, PLACE, Provider
from support import allow, client, make_role, refused, trust, unique, unsigned

iam, ids = client("iam"), client("cognito-identity")
browser = unsigned("cognito-identity")


class World:
    def __init__(self):
        self.idp = Provider()
        self.arn = iam.create_saml_provider(Name=unique("Corp"), SAMLMetadataDocument=self.idp.metadata())["SAMLProviderArn"]
        self.role = make_role(
            trust({"Federated": self.arn}, ["sts:AssumeRoleWithSAML", "sts:TagSession"], Condition={"StringEquals": {"saml:aud": PLACE}}), allow("iam:ListUsers"))
        self.pool = ids.create_identity_pool(
            IdentityPoolName=unique("saml"), AllowUnauthenticatedIdentities=False, SamlProviderARNs=[self.arn])["IdentityPoolId"]
        signed_in = make_role(trust({"Federated": "cognito-identity.amazonaws.com"}, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], Condition={
            "StringEquals": {"cognito-identity.amazonaws.com:aud": self.pool},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": self.arn}}))
        ids.set_identity_pool_roles(IdentityPoolId=self.pool, Roles={"authenticated": signed_in})

    def response(self, subject="jane", role=None, more=None, **how):
        return self.idp.response(subject, {
            AWS + "Role": [f"{role or self.role},{self.arn}"], AWS + "RoleSessionName": ["jane@example.com"], **(more or {})}, **how)

    def assume(self, response, role=None):
        return unsigned("sts").assume_role_with_saml(RoleArn=role or self.role, PrincipalArn=self.arn, SAMLAssertion=response)


@pytest.fixture(scope="module")
def world():
    return World()


def test_providers(world):
    got = iam.get_saml_provider(SAMLProviderArn=world.arn)
    assert got["SAMLMetadataDocument"] == world.idp.metadata() and got["ValidUntil"] > got["CreateDate"]
    assert world.arn in {p["Arn"] for p in iam.list_saml_providers()["SAMLProviderList"]}
    iam.tag_saml_provider(SAMLProviderArn=world.arn, Tags=[{"Key": "team", "Value": "x"}])
    assert iam.list_saml_provider_tags(SAMLProviderArn=world.arn)["Tags"] == [{"Key": "team", "Value": "x"}]
    iam.untag_saml_provider(SAMLProviderArn=world.arn, TagKeys=["team"])
    gone = iam.create_saml_provider(Name=unique("Gone"), SAMLMetadataDocument=world.idp.metadata())["SAMLProviderArn"]
    iam.update_saml_provider(SAMLProviderArn=gone, SAMLMetadataDocument=Provider().metadata())
    iam.delete_saml_provider(SAMLProviderArn=gone)
    with refused("NoSuchEntity"):
        iam.get_saml_provider(SAMLProviderArn=gone)


def test_assume_role(world):
    got = world.assume(world.response(more={AWS + "PrincipalTag:TenantID": ["acme"]}))
    assert got["Subject"] == "jane" and got["SubjectType"] == "persistent" and got["Issuer"] == world.idp.entity and got["Audience"] == PLACE
    assert client("sts", got["Credentials"]).get_caller_identity()["Arn"].endswith("/jane@example.com")
    client("iam", got["Credentials"]).list_users()


def test_responses_that_do_not_hold(world):
    with refused("InvalidIdentityToken", "Response signature invalid"):
        world.assume(world.response(signed=False))
    with refused("InvalidIdentityToken", "Response signature invalid"):
        world.assume(world.response(edit=lambda text: text.replace(">jane<", ">root<")))
    with refused("InvalidIdentityToken", "required audience"):
        world.assume(world.response(audience="urn:other"))
    with refused("InvalidIdentityToken"):
        world.assume(world.response(place="https://evil.example.com/saml"))
    with refused("ExpiredTokenException"):
        world.assume(world.response(age=400))
    with refused("AccessDenied"):
        world.assume(world.response(role=make_role()))
    other = make_role(trust({"Federated": world.arn}, "sts:AssumeRoleWithSAML", Condition={"StringEquals": {"saml:sub": "root"}}))
    with refused("AccessDenied"):
        world.assume(world.response(role=other), role=other)


def test_logins_of_an_identity_pool(world):
    logins = {world.arn: world.response()}
    identity = browser.get_id(IdentityPoolId=world.pool, Logins=logins)["IdentityId"]
    credentials = browser.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
    assert client("sts", credentials).get_caller_identity()["Arn"].endswith("/CognitoIdentityCredentials")
    assert ids.describe_identity(IdentityId=identity)["Logins"] == [world.arn]
    with refused("NotAuthorizedException"):
        browser.get_credentials_for_identity(IdentityId=identity, Logins={world.arn: world.response("eve")})
    with refused("NotAuthorizedException", "Response signature invalid"):
        browser.get_id(IdentityPoolId=world.pool, Logins={world.arn: world.response(signed=False)})
