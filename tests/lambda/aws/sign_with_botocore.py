"""Signs requests with botocore, which shares no code with ours.

    sign_with_botocore.py CASES.json

CASES is a list of {method, host, path, query, headers, body, service, region, key_id, secret, token,
time}; path and query are as they are meant, not encoded; time is as in 20130524T000000Z. Prints a list of
{url, authorization}.
"""
import datetime
import json
import sys
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def sign(case):
    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return cls.strptime(case["time"], "%Y%m%dT%H%M%SZ")

    class Module:
        datetime = Clock

    botocore.auth.datetime = Module
    request = AWSRequest(
        method=case["method"],
        url="http://" + case["host"] + quote(case["path"], safe="/~"),
        params=[tuple(field) for field in case["query"]],
        data=case["body"].encode(),
        headers=dict(case["headers"]),
    )
    signer = botocore.auth.S3SigV4Auth if case["service"] == "s3" else botocore.auth.SigV4Auth
    credentials = Credentials(case["key_id"], case["secret"], case["token"] or None)
    signer(credentials, case["service"], case["region"]).add_auth(request)
    return {"url": request.prepare().url, "authorization": request.headers["Authorization"]}


with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps([sign(case) for case in json.load(file)]))
