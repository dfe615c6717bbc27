"""KMS through boto3: keys, aliases, encryption with a context, key policies, and their errors."""

import base64
import json

import pytest
from support import REGION, account, allow, assume, client, make_role, make_user, refused, unchecked, unique

kms = client("kms")


@pytest.fixture(scope="module")
def key():
    return kms.create_key(Description="conformance")["KeyMetadata"]


def test_key(key):
    assert key["Arn"] == f"arn:aws:kms:{REGION}:{account()}:key/{key['KeyId']}"
    assert key["KeyState"] == "Enabled" and key["KeySpec"] == "SYMMETRIC_DEFAULT" and key["KeyManager"] == "CUSTOMER"
    assert kms.describe_key(KeyId=key["Arn"])["KeyMetadata"]["Description"] == "conformance"
    assert key["KeyId"] in {k["KeyId"] for p in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}) for k in p["Keys"]}
    kms.update_key_description(KeyId=key["KeyId"], Description="changed")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Description"] == "changed"


def test_encrypt_and_decrypt(key):
    context = {"tenant_id": "acme", "service": "orders"}
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret", EncryptionContext=context)
    assert sealed["KeyId"] == key["Arn"] and b"secret" not in sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == b"secret" and opened["KeyId"] == key["Arn"] and opened["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    for wrong in ({}, {"tenant_id": "acme"}, {**context, "tenant_id": "globex"}, {**context, "more": "x"}, {"Tenant_id": "acme", "service": "orders"}):
        with refused("InvalidCiphertextException", None, 400):
            kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=wrong)
    broken = bytearray(sealed["CiphertextBlob"])
    broken[-1] ^= 1
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=bytes(broken), EncryptionContext=context)
    other = kms.create_key()["KeyMetadata"]
    with refused("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation"):
        kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context, KeyId=other["KeyId"])
    with refused("ValidationException"):
        unchecked("kms").encrypt(KeyId=key["KeyId"], Plaintext=b"x" * 4097)


def test_data_keys(key):
    context = {"tenant_id": "acme"}
    made = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", EncryptionContext=context)
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)["Plaintext"] == made["Plaintext"]
    assert len(kms.generate_data_key(KeyId=key["KeyId"], NumberOfBytes=64)["Plaintext"]) == 64
    assert "Plaintext" not in kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], KeySpec="AES_128")
    with refused("ValidationException"):
        kms.generate_data_key(KeyId=key["KeyId"])
    assert len(kms.generate_random(NumberOfBytes=16)["Plaintext"]) == 16
    resealed = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext=context,
                              DestinationKeyId=key["KeyId"], DestinationEncryptionContext={"tenant_id": "new"})
    assert kms.decrypt(CiphertextBlob=resealed["CiphertextBlob"], EncryptionContext={"tenant_id": "new"})["Plaintext"] == made["Plaintext"]


def test_aliases(key):
    alias = "alias/" + unique("a")
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == key["KeyId"]
    assert kms.describe_key(KeyId=f"arn:aws:kms:{REGION}:{account()}:{alias}")["KeyMetadata"]["KeyId"] == key["KeyId"]
    with refused("AlreadyExistsException", f"An alias with the name arn:aws:kms:{REGION}:{account()}:{alias} already exists"):
        kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    assert alias in {a["AliasName"] for p in kms.get_paginator("list_aliases").paginate(KeyId=key["KeyId"]) for a in p["Aliases"]}
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=alias, TargetKeyId=other)
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == other
    kms.delete_alias(AliasName=alias)
    with refused("NotFoundException", f"Alias arn:aws:kms:{REGION}:{account()}:{alias} is not found."):
        kms.describe_key(KeyId=alias)
    with refused("InvalidAliasNameException"):
        kms.create_alias(AliasName="alias/aws/mine", TargetKeyId=other)


def test_states():
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    with refused("DisabledException", "is disabled"):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.enable_key(KeyId=key)
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    gone = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert gone["KeyState"] == "PendingDeletion" and gone["PendingWindowInDays"] == 7
    with refused("KMSInvalidStateException", "is pending deletion"):
        kms.decrypt(CiphertextBlob=sealed)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    with refused("NotFoundException", "does not exist"):
        kms.describe_key(KeyId="00000000-0000-0000-0000-000000000000")


def test_rotation():
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    kms.disable_key_rotation(KeyId=key)


def test_tags():
    key = kms.create_key(Tags=[{"TagKey": "TenantID", "TagValue": "acme"}])["KeyMetadata"]["KeyId"]
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}])
    assert {t["TagKey"]: t["TagValue"] for t in kms.list_resource_tags(KeyId=key)["Tags"]} == {"TenantID": "acme", "a": "1"}
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    _, creds = make_user(allow("kms:DescribeKey", Condition={"StringEquals": {"aws:ResourceTag/TenantID": "acme"}}))
    client("kms", creds).describe_key(KeyId=key)
    other = kms.create_key(Tags=[{"TagKey": "TenantID", "TagValue": "globex"}])["KeyMetadata"]["KeyId"]
    with refused("AccessDeniedException", "is not authorized to perform: kms:DescribeKey on resource: arn:aws:kms", 400):
        client("kms", creds).describe_key(KeyId=other)


def test_key_policy_decides():
    """Without the statement for the account, IAM policies do not reach the key."""
    role = make_role(None, allow("kms:*"))
    root = f"arn:aws:iam::{account()}:root"
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": root}, "Action": ["kms:Describe*", "kms:PutKeyPolicy", "kms:Get*", "kms:List*", "kms:ScheduleKeyDeletion"], "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:Encrypt", "Resource": "*"},
    ]}
    key = kms.create_key(Policy=json.dumps(document))["KeyMetadata"]["KeyId"]
    by_role = client("kms", assume(role))
    by_role.encrypt(KeyId=key, Plaintext=b"x")
    by_role.describe_key(KeyId=key)
    with refused("AccessDeniedException", "because no resource-based policy allows the kms:GenerateDataKey action"):
        by_role.generate_data_key(KeyId=key, KeySpec="AES_256")
    _, user = make_user(allow("kms:*"))
    with refused("AccessDeniedException"):
        client("kms", user).encrypt(KeyId=key, Plaintext=b"x")
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"])["Statement"][1]["Action"] == "kms:Encrypt"
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    document["Statement"][1]["Action"] = "kms:GenerateDataKey"
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))
    by_role.generate_data_key(KeyId=key, KeySpec="AES_256")
    with refused("AccessDeniedException"):
        by_role.encrypt(KeyId=key, Plaintext=b"x")


def test_bad_key_policies():
    with refused("MalformedPolicyDocumentException"):
        kms.create_key(Policy="{}")
    locked = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account()}:root"}, "Action": "kms:Encrypt", "Resource": "*"}]}
    with refused("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future."):
        kms.create_key(Policy=json.dumps(locked))
    quantified = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account()}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*",
         "Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContext:tenant_id": ["acme"]}}}]}
    with refused("MalformedPolicyDocumentException"):
        kms.create_key(Policy=json.dumps(quantified))


def test_decrypt_needs_the_permission_of_the_ciphertexts_key(key):
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    _, creds = make_user(allow("kms:Encrypt"))
    with refused("AccessDeniedException", "is not authorized to perform: kms:Decrypt"):
        client("kms", creds).decrypt(CiphertextBlob=sealed)
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=base64.b64decode("AAAA"))
