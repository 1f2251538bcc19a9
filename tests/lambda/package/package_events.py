"""A real event for each handler, and what must come of it."""
import dataclasses
import pathlib
import typing


@dataclasses.dataclass
class Case:
    event: dict
    what: str
    problem: typing.Callable[[dict, list], str]  # of a reply and DynamoDB's items; empty if all is right
    objects: dict[str, bytes] = dataclasses.field(default_factory=dict)  # of S3, by /BUCKET/KEY


def differs(is_so, wanted) -> str:
    return "" if is_so == wanted else f"{is_so!r} instead of {wanted!r}"


def echo(root: pathlib.Path, inside: str) -> Case:
    event = {"what": "is", "said": [1, 2.5, None]}
    return Case(event, "echoed the event", lambda reply, _: differs(reply, event))


def bcrypt(root: pathlib.Path, inside: str) -> Case:
    return Case({"count": 1, "mode": "parallel"}, "hashed a password", lambda reply, _: differs(reply["processed"], 1))


def statistics(root: pathlib.Path, inside: str) -> Case:
    points = [{"values": values, "metadata": "m"} for values in ([-1, -3], [4, 6], [10, 30])]
    return Case({"data": points, "algorithm": "standard"}, "classified three points", lambda reply, _: differs(
        ([point["classification"] for point in reply["processed"]], reply["stats"]["count"]),
        (["medium", "medium", "high"], 3)))


def csv_transform(root: pathlib.Path, inside: str) -> Case:
    (root / "table.csv").write_text("a,1,2,3,4,5,6,7,8,1000\nb,2,4\n", encoding="ascii")

    def problem(*_) -> str:
        lines = (root / "result.csv").read_text(encoding="ascii").splitlines()
        row = lines[1].split(",")
        return differs((row[:2], row[3], row[5], lines[2]), (["a", "9"], "5", "1000", "b,2,3,3,1,"))

    return Case({"input": f"{inside}/table.csv", "output": f"{inside}/result.csv", "header": "none"},
                "transformed a table", problem)


def image_filter(root: pathlib.Path, inside: str) -> Case:
    from PIL import Image
    size, pixels = (61, 37), bytes((x * 7 + y * 5 + c) % 256 for y in range(37) for x in range(61) for c in range(3))
    Image.frombytes("RGB", size, pixels).save(root / "image.png")

    def problem(*_) -> str:
        with Image.open(root / "result.png") as image:
            same = (image.size, image.mode) == (size, "RGB") and image.tobytes() == bytes(255 - byte for byte in pixels)
        return "" if same else "not the inverted image"

    return Case({"input": f"{inside}/image.png", "output": f"{inside}/result.png", "filter": "invert"},
                "inverted an image", problem)


def csv_etl(root: pathlib.Path, inside: str) -> Case:
    records = b"Hospital,Diagnosis,Treatment,Recovery Time\n" + b"H1,D1,T1,10\nH1,D1,T2,20\nH2,D1,T2,5\nH1,D1,T2,15\n" * 500

    def problem(reply, items) -> str:
        found = sorted((i["SK"]["S"], i["MostUsedTreatment"]["S"], i["AverageRecoveryTime"]["N"]) for i in items)
        return differs(found, [("#diagnosis#D1#hospital#H1", "T2", "15"), ("#diagnosis#D1#hospital#H2", "T2", "5")])

    return Case({"input": "s3://records/a.csv", "output": "dynamodb://results"}, "did its ETL over HTTPS", problem,
                {"/records/a.csv": records})


def over_https(made: typing.Callable[[pathlib.Path, str], Case], source: str) -> typing.Callable[[pathlib.Path, str], Case]:
    """The same case, with its file in S3 instead, and the result put there."""
    def make(root: pathlib.Path, inside: str) -> Case:
        case = made(root, inside)
        result = case.event["output"].rpartition("/")[2]
        objects = {f"/bucket/{source}": (root / source).read_bytes()}

        def problem(reply: dict, items: list) -> str:
            if f"/bucket/{result}" not in objects:
                return f"{result} wasn't put"
            (root / result).write_bytes(objects[f"/bucket/{result}"])
            return case.problem(reply, items)

        event = case.event | {"input": f"s3://bucket/{source}", "output": f"s3://bucket/{result}"}
        return Case(event, f"{case.what} over HTTPS", problem, objects)
    return make


# As many runs of a handler as it has cases, each with a process of its own.
EVENTS = {
    "echo": [echo],
    "bcrypt": [bcrypt],
    "statistics": [statistics],
    "csv-transform": [csv_transform, over_https(csv_transform, "table.csv")],
    "image-filter": [image_filter, over_https(image_filter, "image.png")],
    "csv-etl": [csv_etl],
}
