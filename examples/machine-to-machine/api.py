"""An API for the machines of several tenants: it verifies each token by the pool's keys, checks its scope, finds the tenant
by the client id, and reads rows with credentials that reach that tenant's rows only."""

import http.server
import json
import threading

import boto3
import jwt
from boto3.dynamodb.conditions import Key

SCOPES = {"GET": "orders/read", "POST": "orders/write"}  # of the resource server "orders"


class Orders:
    """The API, without its HTTP. service holds credentials that may read the table of clients and assume the tenants' role."""

    def __init__(self, service, issuer, jwks_uri, clients_table, orders_table, role):
        self.issuer, self.keys = issuer, jwt.PyJWKClient(jwks_uri)
        self.clients = service.resource("dynamodb").Table(clients_table)
        self.sts, self.orders_table, self.role = service.client("sts"), orders_table, role

    def answer(self, method, authorization, body):
        """Status and answer of a request."""
        token = authorization.removeprefix("Bearer ")
        try:
            key = self.keys.get_signing_key_from_jwt(token).key
            claims = jwt.decode(token, key, algorithms=["RS256"], issuer=self.issuer, options={"require": ["exp", "iss", "client_id"]})
        except jwt.PyJWTError:
            return 401, {"error": "invalid_token"}
        if claims.get("token_use") != "access":
            return 401, {"error": "invalid_token"}
        if SCOPES[method] not in claims.get("scope", "").split():
            return 403, {"error": "insufficient_scope"}
        client = self.clients.get_item(Key={"client_id": claims["client_id"]}).get("Item")
        if client is None:
            return 403, {"error": "unknown_client"}
        rows = self.rows_of(client["tenant"])
        if method == "POST":
            # The tenant is the client's, whatever the body says; the credentials would not write another's row anyway.
            order = {**body, "tenant": client["tenant"]}
            rows.put_item(Item=order)
            return 201, order
        return 200, rows.query(KeyConditionExpression=Key("tenant").eq(client["tenant"]))["Items"]

    def rows_of(self, tenant):
        """The table of orders, by credentials for one tenant."""
        made = self.sts.assume_role(RoleArn=self.role, RoleSessionName="orders", Tags=[{"Key": "TenantID", "Value": tenant}])["Credentials"]
        session = boto3.Session(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        return session.resource("dynamodb").Table(self.orders_table)


def serve(orders):
    """Serves the API on loopback; returns the server and its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = orders.answer(self.command, self.headers.get("Authorization", ""), json.loads(body or "null"))
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *_):
            pass  # headers hold tokens

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/orders"
