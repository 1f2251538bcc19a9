"""Which faults the fault proxy commits when, and the answers that it makes up.

A specification is a list of rules, separated by commas:

    KIND[:PARAMETER=VALUE]...=RATE%      to that share of the requests that it can be done to
    KIND[:PARAMETER=VALUE]...@N[-M]      to the N-th (to M-th) request that it can be done to

The parameter `for` narrows that: for=PUT is an HTTP method, for=Scan an operation of DynamoDB. Each
rule with @ counts for itself and goes before those with a rate; of several that apply, the first one
is done. Of one request a single random number decides between the rules with rates, so that they
don't take from each other: together they may have up to 100 %. It depends on the seed and on the
request's place among those that arrived, nothing else.

Instead of passing the request on:
    throttling              400 ThrottlingException                     (DynamoDB only)
    provisioned-throughput  400 ProvisionedThroughputExceededException  (DynamoDB only)
    slow-down               503 SlowDown; retry-after=SECONDS adds the header   (S3 only)
    internal-error          500, as S3 or DynamoDB has it
    reset-before            resets the connection
    stale                   the answer that an equal request got earlier, if there was one
After the request was passed on:
    unprocessed-items       passes on some of a batch only, and says that the others aren't done
                            (BatchWriteItem only; the signature no longer fits what is passed on)
    reset-after             resets the connection instead of answering
    truncate                answers with a part of the body only, and closes the connection; at=BYTES
    stall                   answers with a part of the body only, and goes silent; at=BYTES
    slow                    answers piece by piece; bytes=SIZE (100), delay=MILLISECONDS (10)
    corrupt                 changes one byte of the answer's body
    wrong-crc32             changes the answer's x-amz-crc32
    wrong-etag              changes the answer's ETag
"""

import json
import random
import re
import zlib
from dataclasses import dataclass, field

from http1 import Message

DYNAMODB_ONLY = {"throttling", "provisioned-throughput", "unprocessed-items", "wrong-crc32"}
MADE_UP = {"throttling", "provisioned-throughput", "slow-down", "internal-error"}
S3_ONLY = {"slow-down", "wrong-etag"}
PARAMETERS = {
    "slow-down": {"retry-after"},
    "truncate": {"at"},
    "stall": {"at"},
    "slow": {"bytes", "delay"},
}
KINDS = DYNAMODB_ONLY | S3_ONLY | set(PARAMETERS) | {
    "internal-error", "reset-before", "reset-after", "stale", "corrupt",
}
DYNAMODB_ERRORS = {
    "throttling": (
        "400 Bad Request",
        "com.amazon.coral.availability#ThrottlingException",
        "Rate of requests exceeds the allowed throughput.",
    ),
    "provisioned-throughput": (
        "400 Bad Request",
        "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded.",
    ),
    "internal-error": (
        "500 Internal Server Error",
        "com.amazonaws.dynamodb.v20120810#InternalServerError",
        "The request processing has failed because of an unknown error.",
    ),
}
S3_ERRORS = {
    "slow-down": ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
    "internal-error": (
        "500 Internal Server Error",
        "InternalError",
        "We encountered an internal error. Please try again.",
    ),
}
RULE = re.compile(
    r"(?P<kind>[a-z0-9-]+)(?P<parameters>(?::[a-z-]+=[A-Za-z0-9]+)*)"
    r"(?:=(?P<rate>[0-9]+(?:\.[0-9]+)?)%|@(?P<first>[0-9]+)(?:-(?P<last>[0-9]+))?)"
)


class BadSpecification(Exception):
    pass


@dataclass
class Rule:
    kind: str
    parameters: dict
    rate: float | None  # 0 to 1
    first: int = 0
    last: int = 0
    seen: int = field(default=0, compare=False)  # requests that it could have been done to

    def number(self, name, default):
        return int(self.parameters.get(name, default))

    def fits(self, request):
        operation = operation_of(request)
        if self.kind in DYNAMODB_ONLY and operation is None:
            return False
        if self.kind in S3_ONLY and operation is not None:
            return False
        if self.kind == "unprocessed-items" and not entries_of(request):
            return False
        if self.kind in ("truncate", "stall", "corrupt") and request.method == "HEAD":
            return False
        return self.parameters.get("for", operation) in (operation, request.method)


def operation_of(request):
    """The operation, if the request is one to DynamoDB."""
    target = request.get("X-Amz-Target")
    return target.rpartition(".")[2] if target and target.startswith("DynamoDB_") else None


def entries_of(request):
    """The (table, item) pairs of a batch that can be taken apart."""
    if operation_of(request) != "BatchWriteItem":
        return []
    try:
        tables = json.loads(request.body)["RequestItems"].items()
        entries = [(table, item) for table, items in tables for item in items]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []  # the server shall say what is wrong with it
    return entries if len(entries) > 1 else []


def parse(specification):
    rules = []
    for text in filter(None, (part.strip() for part in specification.split(","))):
        match = RULE.fullmatch(text)
        if not match:
            raise BadSpecification(f"{text!r} isn't KIND[:PARAMETER=VALUE]=RATE% or ...@N[-M]")
        kind = match["kind"]
        if kind not in KINDS:
            raise BadSpecification(f"no fault {kind!r}; must be one of {', '.join(sorted(KINDS))}")
        parameters = dict(part.split("=") for part in match["parameters"].split(":")[1:])
        known = PARAMETERS.get(kind, set())
        for name, value in parameters.items():
            if name != "for" and name not in known:
                raise BadSpecification(f"{kind} has no parameter {name!r}")
            if name != "for" and not value.isdigit():
                raise BadSpecification(f"{name} of {kind} must be a whole number, not {value!r}")
        rate = float(match["rate"]) / 100 if match["rate"] else None
        first = int(match["first"] or 0)
        last = int(match["last"] or first)
        if rate is None and not 1 <= first <= last:
            raise BadSpecification(f"{text!r}: requests are counted from 1")
        rules.append(Rule(kind, parameters, rate, first, last))
    if sum(rule.rate or 0 for rule in rules) > 1 + 1e-9:
        raise BadSpecification("the rates are more than 100 % together")
    return rules


class Chooser:
    def __init__(self, rules, seed):
        self.rules = rules
        self.seed = seed
        self.requests = 0

    def choose(self, request):
        """The rule to follow, if any, and the randomness for what it leaves open."""
        self.requests += 1
        dice = random.Random(f"{self.seed} {self.requests}")
        draw = dice.random()
        chosen = None
        fitting = [rule for rule in self.rules if rule.fits(request)]
        for rule in fitting:
            if rule.rate is None:
                rule.seen += 1
                if chosen is None and rule.first <= rule.seen <= rule.last:
                    chosen = rule
        for rule in fitting:
            if rule.rate is not None and chosen is None:
                if draw < rule.rate:
                    chosen = rule
                draw -= rule.rate
        return chosen, dice


def made_up(rule, request, dice):
    """The whole answer, for the kinds that ask nobody."""
    request_id = f"{dice.getrandbits(128):032X}"
    if operation_of(request) is not None:
        status, error_type, text = DYNAMODB_ERRORS[rule.kind]
        answer = Message(f"HTTP/1.1 {status}", [("x-amzn-RequestId", request_id)])
        answer.set("Content-Type", "application/x-amz-json-1.0")
        answer.replace_body(json.dumps({"__type": error_type, "message": text}).encode())
        answer.set("x-amz-crc32", str(zlib.crc32(answer.body)))
        return answer
    status, code, text = S3_ERRORS[rule.kind]
    answer = Message(f"HTTP/1.1 {status}", [("x-amz-request-id", request_id)])
    answer.set("Content-Type", "application/xml")
    if "retry-after" in rule.parameters:
        answer.set("Retry-After", rule.parameters["retry-after"])
    answer.replace_body(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{text}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>".encode()
    )
    return answer


def take_from_batch(request, dice):
    """(the request without some of its items, those items)

    As DynamoDB has it a batch of which nothing could be written is an error of its own, so at
    least one item stays.
    """
    asked = json.loads(request.body)
    entries = entries_of(request)
    held_back = set(dice.sample(range(len(entries)), dice.randint(1, len(entries) - 1)))
    passed, kept = {}, {}
    for number, (table, item) in enumerate(entries):
        (kept if number in held_back else passed).setdefault(table, []).append(item)
    asked["RequestItems"] = passed
    request = request.copy()
    request.replace_body(json.dumps(asked).encode())
    return request, kept


def can_spoil(kind, answer, kept):
    if kind == "unprocessed-items":
        return bool(kept) and answer.status == 200
    if kind in ("truncate", "stall", "corrupt"):
        return len(answer.body) > 0
    return kind != "stale"


def add_unprocessed(answer, kept):
    reply = json.loads(answer.body)
    for table, items in kept.items():
        reply.setdefault("UnprocessedItems", {}).setdefault(table, []).extend(items)
    answer.replace_body(json.dumps(reply).encode())
    answer.set("x-amz-crc32", str(zlib.crc32(answer.body)))


def change_body(answer, dice):
    body = bytearray(answer.body)
    body[dice.randrange(len(body))] ^= 1
    answer.replace_body(bytes(body))


def change_etag(answer):
    etag = answer.get("ETag")
    if etag is not None:
        answer.set("ETag", etag.translate(str.maketrans("0123456789abcdef", "123456789abcdef0")))


def change_crc32(answer):
    answer.set("x-amz-crc32", str(zlib.crc32(answer.body) ^ 1))
