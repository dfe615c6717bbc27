"""The triggers of the examples' user pools, as an operator writes them for AWS Lambda. They run with the credentials of whoever
starts them; in production, with those of a user who may call cognito-idp:AdminUpdateUserAttributes and nothing else."""

import boto3

# The operator's list: which organisation the people of a mail domain belong to.
ORGANISATIONS = {
    "acme.example": "0b2f6c1e-6a53-4b8e-9f0d-3c1a5d7e9b01",
    "globex.example": "7d94e2aa-1f3c-4c55-8b7e-52d0c6f8a402",
}


def post_confirmation(event, _):
    """Writes the organisation on the user who has just proved to own the address. Nobody else's function, nor the user, may."""
    if event["triggerSource"] != "PostConfirmation_ConfirmSignUp":
        return event  # a forgotten password changes no organisation
    attributes = event["request"]["userAttributes"]
    organisation = ORGANISATIONS.get(attributes["email"].rpartition("@")[2].lower())
    if organisation and attributes.get("email_verified") == "true":
        boto3.client("cognito-idp").admin_update_user_attributes(
            UserPoolId=event["userPoolId"], Username=event["userName"], UserAttributes=[{"Name": "custom:org", "Value": organisation}])
    return event


def pre_token(event, _):
    """Adds, changes and removes claims and groups (version 2 of the event): the tenant as a session tag, a complex claim."""
    organisation = event["request"]["userAttributes"].get("custom:org")
    if not organisation:
        return event
    event["response"]["claimsAndScopeOverrideDetails"] = {
        "idTokenGeneration": {
            "claimsToAddOrOverride": {
                "plan": {"name": "gold", "seats": 5},
                "https://aws.amazon.com/tags": {"principal_tags": {"org": [organisation]}, "transitive_tag_keys": ["org"]},
            },
            "claimsToSuppress": ["email"],
        },
        "groupOverrideDetails": {"groupsToOverride": [f"{organisation}:member"]},
    }
    return event
