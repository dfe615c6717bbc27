"""A Lambda endpoint on loopback for the functions of a Python file: in front the Invoke API, behind it the Runtime API, by
which AWS's own runtime client for Python (awslambdaric, unpatched) runs each handler in a process of its own.

functions.py PORT FILE serves all public functions of the file until it is stopped."""

import ast
import contextlib
import http.server
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
INVOKE, RUNTIME = "/2015-03-31/functions/", "/2018-06-01/runtime/"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass  # events hold passwords

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(handler, port=0):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Function:
    """One handler behind a Runtime API ("Using the Lambda runtime API"): a function of a Python file."""

    def __init__(self, name, file):
        self.waiting, self.results, self.count = queue.Queue(), {}, 0
        function = self

        class Runtime(Handler):
            def do_GET(self):  # invocation/next
                number, payload = function.waiting.get()
                self.answer(200, payload, Content_Type="application/json", Lambda_Runtime_Aws_Request_Id=str(number),
                            Lambda_Runtime_Deadline_Ms="9999999999999", Lambda_Runtime_Invoked_Function_Arn=name,
                            Lambda_Runtime_Trace_Id="Root=1-0-0")

            def do_POST(self):  # invocation/ID/response or /error
                number, kind = self.path.rsplit("/", 2)[1:]
                body = self.body()
                self.answer(202)
                if number in function.results:
                    function.results[number].put((kind == "error", body))

        self.server = serve(Runtime)
        env = dict(os.environ, AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{self.server.server_port}", AWS_LAMBDA_FUNCTION_NAME=name,
                   PYTHONPATH=os.path.dirname(file), LAMBDA_DISABLE_PREVIEW_WARN="1")
        module = os.path.basename(file).removesuffix(".py")
        self.process = subprocess.Popen([sys.executable, "-m", "awslambdaric", f"{module}.{name}"], cwd=os.path.dirname(file), env=env,
                                        stdout=subprocess.DEVNULL)

    def invoke(self, payload):
        self.count += 1
        number = str(self.count)
        result = self.results[number] = queue.Queue()
        self.waiting.put((number, payload))
        return result.get(timeout=30)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.server.shutdown()


@contextlib.contextmanager
def running(port, names, file=os.path.join(HERE, "lambdas.py")):
    """Serves the functions of these names; the address of each is arn:aws:lambda:REGION:ACCOUNT:function:NAME."""
    functions = {name: Function(name, file) for name in names}

    class Invoke(Handler):
        def do_POST(self):
            payload = self.body()
            path = urllib.parse.unquote(self.path)
            name = path[len(INVOKE):].removesuffix("/invocations").rpartition(":")[2]
            if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
                return self.answer(403, b'{"Message":"Missing Authentication Token"}', X_Amzn_ErrorType="MissingAuthenticationTokenException")
            if name not in functions or not path.startswith(INVOKE):
                return self.answer(404, b'{"Type":"User","Message":"Function not found"}', X_Amzn_ErrorType="ResourceNotFoundException")
            failed, out = functions[name].invoke(payload)
            self.answer(200, out, **({"X_Amz_Function_Error": "Unhandled"} if failed else {}))

    front = serve(Invoke, port)
    try:
        yield
    finally:
        front.shutdown()
        for f in functions.values():
            f.stop()


def main(port, file):
    file = os.path.abspath(file)
    with open(file) as f:
        names = [d.name for d in ast.parse(f.read()).body if isinstance(d, ast.FunctionDef) and not d.name.startswith("_")]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the handlers' processes are stopped too
    with running(int(port), names, file):
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
