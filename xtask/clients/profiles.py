"""Entities of NGSI-LD and feeds of GTFS Realtime against parsers that nobody here wrote: PyLD, jsonschema by the catalogue of the
Smart Data Models, and Google's bindings.

    profiles.py read HOST PORT COUNT FORMAT   reads COUNT messages that a listener passes on
    profiles.py document FILE                 reads the messages in a document
    profiles.py take COUNT                    a server that takes COUNT entities by POST, says where it is, and reads them

Prints one JSON object; ends with an error if anything is not as it should be.
"""

import gzip
import importlib.util
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
from google.transit import gtfs_realtime_pb2
from pyld import jsonld

from hearing import expect, hear

URN = "urn:ngsi-ld:"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"
CONTEXT = re.compile(r"https://raw\.githubusercontent\.com/smart-data-models/(dataModel\.\w+)/master/context\.jsonld")
NGSI = "https://uri.etsi.org/ngsi-ld/"
# Of the core context (ETSI GS CIM 009, annex B) what normalized entities use.
CORE_TERMS = {
    "@vocab": NGSI + "default-context/",
    "id": "@id",
    "type": "@type",
    "value": NGSI + "hasValue",
    "object": {"@id": NGSI + "hasObject", "@type": "@id"},
    "unitCode": NGSI + "unitCode",
    "observedAt": {"@id": NGSI + "observedAt", "@type": NGSI + "DateTime"},
    "location": NGSI + "location",
    "coordinates": {"@id": "https://purl.org/geojson/vocab#coordinates", "@container": "@list"},
    "Point": "https://purl.org/geojson/vocab#Point",
    "DateTime": NGSI + "DateTime",
    "Property": NGSI + "Property",
    "GeoProperty": NGSI + "GeoProperty",
    "Relationship": NGSI + "Relationship",
}
# What the public models have no word for.
OWN_TYPES = {"EmergencyDepartment"}
# Of what the catalogue keeps as one type although the model has another as well.
ALSO = {("WeatherObserved", "visibility"): {"type": "number", "minimum": 0}}
UNITS = {"KMH", "DD", "GQ", "GP", "CEL", "C62", "MTS", "MTR", "H67", "VLT", "SEC"}


class Models:
    """The attributes and required properties of the public models, as the package pysmartdatamodels has them."""

    def __init__(self, types):
        assets = Path(importlib.util.find_spec("pysmartdatamodels").origin).parent / "model-assets"
        metadata = json.loads((assets / "datamodels_metadata.json").read_text())
        self.required = {(of["subject"], of["dataModel"]): of.get("required") for of in metadata}
        self.attributes = {}
        # The whole catalogue takes half a minute and gigabytes; its entries are parsed one by one, and only ours.
        text = gzip.decompress((assets / "smartdatamodels.json.gz").read_bytes()).decode()
        wanted = tuple(f'"dataModel":"{name}","repoName":' for name in types)
        for entry in text.strip()[1:-1].split(',{"_id":'):
            if any(name in entry for name in wanted):
                of = json.loads(entry if entry.startswith('{"_id"') else '{"_id":' + entry)
                if of.get("typeNGSI") and not of.get("parentId"):
                    model = self.attributes.setdefault((of["repoName"], of["dataModel"]), {})
                    model.setdefault(of["property"], of)

    def schema(self, subject, name):
        """A JSON Schema of the key-value pairs of a model."""
        properties = {}
        for attribute, of in self.attributes[subject, name].items():
            schema = {key: of[key] for key in ("type", "format") if of.get(key)}
            if of.get("enum") and of.get("type") == "string":
                schema["enum"] = of["enum"]
            if (name, attribute) in ALSO:
                schema = {"anyOf": [schema, ALSO[name, attribute]]}
            properties[attribute] = schema
        return {"type": "object", "required": self.required[subject, name], "properties": properties}


class Reader:
    """Reads entities, and counts what it has read."""

    def __init__(self, types):
        self.models = Models(types)
        self.found = {}
        self.validators = {}
        jsonld.set_document_loader(self.load)

    def load(self, url, _options):
        """Contexts from the catalogue instead of the net."""
        if url == CORE:
            terms = CORE_TERMS
        else:
            subject = CONTEXT.fullmatch(url)[1]
            terms = {"@vocab": f"https://smartdatamodels.org/{subject}/", "type": "@type", "id": "@id"}
            for (of, _), attributes in self.models.attributes.items():
                if of == subject:
                    terms.update({name: one["context"] for name, one in attributes.items() if one["context"][0] != "@"})
        return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": {"@context": terms}}

    def entity(self, entity, normalized):
        name, contexts = entity["type"], entity["@context"]
        expect("the last context", contexts[-1], CORE)
        expect("the id", entity["id"].startswith(f"{URN}{name}:"), True)
        attributes = {key: value for key, value in entity.items() if key not in ("id", "type", "@context")}
        subject = None if name in OWN_TYPES else CONTEXT.fullmatch(contexts[0])[1]
        pairs = {key: plain(key, value) for key, value in attributes.items()} if normalized else attributes
        self.validate(subject, name, {"id": entity["id"], "type": name, **pairs})
        if normalized:
            self.expand(subject, name, entity, attributes)
        self.found[name] = self.found.get(name, 0) + 1

    def validate(self, subject, name, pairs):
        if subject is None:
            return
        if name not in self.validators:
            schema = self.models.schema(subject, name)
            checker = jsonschema.FormatChecker()
            self.validators[name] = jsonschema.Draft202012Validator(schema, format_checker=checker)
        for error in self.validators[name].iter_errors(pairs):
            # Who has no fix is a part of a vehicle: its location stays what it was.
            if pairs.get("gnssFix") == "none" and "'location' is a required" in error.message:
                continue
            raise SystemExit(f"{name}: {error.message} in {pairs}")
        if "location" in pairs:
            place = pairs["location"]
            longitude, latitude = place["coordinates"]
            expect("a point", (place["type"], -180 <= longitude <= 180, -90 <= latitude <= 90), ("Point", True, True))

    def expand(self, subject, name, entity, attributes):
        """Every word becomes what its model means by it."""
        (expanded,) = jsonld.expand(entity)
        known = self.models.attributes.get((subject, name), {})
        meant = {NGSI + "location" if key == "location" else known.get(key, {}).get("context") for key in attributes}
        lacking = {of for of in meant if of} - set(expanded)
        expect(f"{name}: words that mean something else", lacking, set())
        expect("the number of attributes", len(expanded) - 2, len(attributes))
        for of, (value,) in ((key, value) for key, value in expanded.items() if key[0] != "@"):
            (kind,) = value["@type"]
            expect("its type", kind in {NGSI + kind for kind in ("Property", "GeoProperty", "Relationship")}, True)
            (at,) = value[NGSI + "observedAt"]
            expect("its time", at["@type"], NGSI + "DateTime")
            expect("its value", len(value[NGSI + ("hasObject" if kind.endswith("ship") else "hasValue")]) > 0, True)


def plain(key, attribute):
    """The value of an attribute of a normalized entity."""
    kind = attribute["type"]
    expect(f"the members of {key}", set(attribute) - {"type", "value", "object", "unitCode", "observedAt"}, set())
    expect(f"the unit of {key}", attribute.get("unitCode", "C62") in UNITS, True)
    value = attribute["object" if kind == "Relationship" else "value"]
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


def feed(payload, topic, found):
    message = gtfs_realtime_pb2.FeedMessage()
    message.ParseFromString(payload)
    header = message.header
    expect("the header", (header.gtfs_realtime_version, header.incrementality, header.IsInitialized()), ("2.0", 1, True))
    (entity,) = message.entity
    expect("whose it is", entity.id, topic.rsplit("/", 1)[1])
    place = entity.vehicle.position
    expect("where it is", (-90 <= place.latitude <= 90, -180 <= place.longitude <= 180), (True, True))
    expect("when", entity.vehicle.timestamp, header.timestamp)
    expect("a vehicle", bool(entity.vehicle.vehicle.id), True)
    # Written again, fields that the bindings do not know stay: the record among them.
    expect("nothing is lost", message.ByteSize(), len(payload))
    found["VehiclePosition"] = found.get("VehiclePosition", 0) + 1


TYPES = (
    "Vehicle TrafficFlowObserved AirQualityObserved WeatherObserved ParkingSpot Alert Device DeviceMeasurement".split()
)


def read(host, port, count, format):
    reader = Reader(TYPES) if format.startswith("ngsi") else None
    found = reader.found if reader else {}

    def taken(message):
        if reader:
            reader.entity(json.loads(message.payload), format == "ngsi-ld")
        elif message.topic.startswith("gps_data/"):
            feed(message.payload, message.topic, found)

    hear(host, port, count, found, taken)
    return found


def take(count):
    """A server where a broker of NGSI-LD would be: batches of entities, as `entityOperations/upsert` takes them."""
    bodies, done = [], threading.Event()

    class Taker(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append((self.path, self.headers["Content-Type"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/ngsi-ld/v1/entityOperations/upsert", flush=True)
    sys.stdin.read()
    server.shutdown()
    reader, taken = Reader(TYPES), 0
    for path, media, body in bodies:
        expect("the request", (path, media), ("/ngsi-ld/v1/entityOperations/upsert", "application/ld+json"))
        for entity in json.loads(body):
            reader.entity(entity, True)
            taken += 1
    expect("entities", taken, count)
    return reader.found


def document(file):
    reader = Reader(TYPES)
    for form, entity in re.findall(r"`([\w-]+)`:\n\n```json\n(.*?)\n```", Path(file).read_text(), re.DOTALL):
        reader.entity(json.loads(entity), form == "ngsi-ld")
        if form == "ngsi-ld":
            refused(reader, json.loads(entity))
    expect("messages of twelve kinds in two forms", sum(reader.found.values()), 24)
    return reader.found


def refused(reader, entity):
    """What is not as its model has it is found: the checks above can fail."""
    found, name = dict(reader.found), entity["type"]
    if name in OWN_TYPES:
        return
    models = reader.models.attributes[CONTEXT.fullmatch(entity["@context"][0])[1], name]
    of = next(iter(models.values()))
    required = set(reader.models.required[of["repoName"], name]) - {"id", "type"}
    lacking = [lambda spoilt: spoilt.pop(sorted(required)[0])] if required else []
    for spoil in [
        *lacking,
        lambda spoilt: spoilt["deviceEpoch"].update(unitCode="XYZ"),
        lambda spoilt: spoilt.update(
            {key: {**spoilt[key], "value": {"a": 1}} for key in models if "value" in spoilt.get(key, ())}
        ),
        lambda spoilt: spoilt.update({"@context": spoilt["@context"][:1]}),
    ]:
        spoilt = json.loads(json.dumps(entity))
        spoil(spoilt)
        try:
            reader.entity(spoilt, True)
        except SystemExit:
            continue
        raise SystemExit(f"nothing was found wrong with {spoilt}")
    expect("nothing of it counts", reader.found, found)


def main(what, *rest):
    if what == "document":
        return document(*rest)
    if what == "read":
        host, port, count, format = rest
        return read(host, int(port), int(count), format)
    return take(int(rest[0]))


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
