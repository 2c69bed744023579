"""Services that tests stand in for: an HTTP server that answers by a function, and checks of what AWS would refuse."""
import http.server
import json
import socket
import ssl
import struct
import threading
import urllib.parse
import zlib
from datetime import datetime, timedelta, timezone

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session
import botocore.validate

models = botocore.session.Session()


class Asked:
    """A request as it came."""

    def __init__(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        self.method, self.path = handler.command, handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = handler.rfile.read(length)
        self.peer = handler.client_address

    @property
    def operation(self):
        return self.headers["x-amz-target"].partition(".")[2]

    @property
    def form(self):
        return {name: values[0] for name, values in urllib.parse.parse_qs(self.body.decode(), strict_parsing=True).items()}


class FakeHttp:
    """Listens on a free port of 127.0.0.1 until it is left. `answer(asked)` gives (status, headers, body), or a function
    that takes the handler and does what it likes with the connection."""

    def __init__(self, answer, certificate=None, port=0):
        self.answer, self.asked = answer, []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self):
                asked = Asked(self)
                fake.asked.append(asked)
                answer = fake.answer(asked)
                if callable(answer):
                    answer(self)
                    return
                status, headers, body = answer
                body = body if isinstance(body, bytes) else body.encode()
                self.send_response_only(status)
                for name, value in {"Date": self.date_time_string(), "Content-Length": str(len(body)), **headers}.items():
                    if value is not None:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address):  # a client that breaks off, or does not trust us
                pass

        self.make = lambda port: Server(("127.0.0.1", port), Handler)
        self.server = self.make(port)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def ok(body="{}", **headers):
    """A DynamoDB answer with its checksum."""
    body = body if isinstance(body, bytes) else body.encode()
    return 200, {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": str(zlib.crc32(body)), **headers}, body


def no(name, message="", status=400, **headers):
    return status, headers, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": message})


def close(handler):
    """Ends the connection without a word."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def reset(handler):
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def cut(handler):
    """Promises a body and ends in its midst."""
    handler.close_connection = True
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"Items":')
    handler.connection.shutdown(socket.SHUT_RDWR)


def babble(handler):
    handler.close_connection = True
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


def in_turn(*answers):
    """Each once, and the last one for ever."""
    left = list(answers)

    def answer(_):
        return left.pop(0) if len(left) > 1 else left[0]
    return answer


def signature_problem(asked, service, region, key, secret, token=None, host=None):
    """Nothing, or why AWS would refuse the signature; computed anew by botocore from what came."""
    authorization = asked.headers.get("authorization", "")
    if not authorization:
        return "no Authorization"
    names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    if "host" not in names or "x-amz-date" not in names:
        return f"signed headers {names}"
    if token != asked.headers.get("x-amz-security-token"):
        return "another security token"
    request = botocore.awsrequest.AWSRequest(method=asked.method, url=f"http://{asked.headers['host']}{asked.path}", data=asked.body)
    for name in names:
        request.headers[name] = asked.headers[name]
    request.context["timestamp"] = asked.headers["x-amz-date"]
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret, token), service, region)
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    expected = f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return None if authorization == expected else f"{authorization} is not {expected}"


def signed_at(asked):
    return datetime.strptime(asked.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)


def model_problem(service, operation, parameters):
    """Nothing, or what the service's own model says against the parameters of a call."""
    shape = models.get_service_model(service).operation_model(operation).input_shape
    unknown = set(parameters) - set(shape.members)
    report = botocore.validate.ParamValidator().validate(parameters, shape)
    return f"unknown: {unknown}" if unknown else report.generate_report() if report.has_errors() else None


def iso(seconds_from_now):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds_from_now)).strftime("%Y-%m-%dT%H:%M:%SZ")
