"""GET and POST /tenant/{id}: one record per tenant in a shared table, encrypted before it leaves the application, under one
shared key. The application checks nobody's id against the path: the data store and the key service do, by the credentials."""

import http.server
import json
import logging
import threading

import boto3
import botocore.session
import jwt
from botocore.exceptions import ClientError
from dynamodb_encryption_sdk.encrypted.table import EncryptedTable
from dynamodb_encryption_sdk.exceptions import DynamodbEncryptionSdkError
from dynamodb_encryption_sdk.material_providers.aws_kms import AwsKmsCryptographicMaterialsProvider

logging.getLogger("dynamodb_encryption_sdk").setLevel(logging.CRITICAL)  # refusals are answers here, not accidents


class Tenants:
    """The application. execution is the session of its execution role, which may assume the role and nothing else."""

    def __init__(self, execution, role, table, key):
        self.sts, self.region = execution.client("sts"), execution.region_name
        self.role, self.table, self.key = role, table, key

    def session(self, tenant):
        """A session of the role for the tenant."""
        made = self.sts.assume_role(RoleArn=self.role, RoleSessionName="app", Tags=[{"Key": "TenantID", "Value": tenant}])["Credentials"]
        core = botocore.session.get_session()
        core.set_credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        return boto3.Session(botocore_session=core, region_name=self.region)

    def rows(self, tenant):
        """The table as the tenant's credentials reach it. The library names the partition key, tenant_id, and its value in the
        encryption context of each call of the key service, which is what the role's second statement compares."""
        session = self.session(tenant)
        materials = AwsKmsCryptographicMaterialsProvider(key_id=self.key, botocore_session=session._session)
        return EncryptedTable(table=session.resource("dynamodb").Table(self.table), materials_provider=materials)

    def answer(self, method, tenant, id, body):
        """Status and answer of a request of somebody of the tenant."""
        try:
            if method == "POST":
                self.rows(tenant).put_item(Item={"tenant_id": id, "record": body})
                return 201, {"tenant_id": id}
            item = self.rows(tenant).get_item(Key={"tenant_id": id}, ConsistentRead=True).get("Item")
            return (200, item["record"]) if item else (404, {"error": "not_found"})
        except ClientError as e:
            return refused(e)
        except DynamodbEncryptionSdkError as e:
            return refused(e.__context__)


def refused(e):
    """The answer to a request that the data store or the key service did not serve."""
    if isinstance(e, ClientError) and e.response["Error"]["Code"] == "AccessDeniedException":
        return 403, {"error": "access_denied", "operation": e.operation_name}
    if isinstance(e, ClientError) and e.response["Error"]["Code"] != "InvalidCiphertextException":
        raise e
    return 422, {"error": "not_decrypted"}


def serve(tenants, issuer, jwks_uri, audience):
    """Serves the application on loopback; the tenant is the one in the caller's ID token. Returns the server and its URL."""
    keys = jwt.PyJWKClient(jwks_uri)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = self.handle_request(json.loads(body or "null"))
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def handle_request(self, body):
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            try:
                claims = jwt.decode(token, keys.get_signing_key_from_jwt(token).key, algorithms=["RS256"], issuer=issuer, audience=audience)
            except jwt.PyJWTError:
                return 401, {"error": "invalid_token"}
            if not self.path.startswith("/tenant/") or "custom:tenant_id" not in claims:
                return 404, {"error": "not_found"}
            return tenants.answer(self.command, claims["custom:tenant_id"], self.path.removeprefix("/tenant/"), body)

        def log_message(self, *_):
            pass  # headers hold tokens

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"
