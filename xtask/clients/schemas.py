"""The registry and framed messages against Confluent's own client, Apache's and Google's parsers, and a validator of JSON Schema.

    schemas.py registry URL                 registers, reads back, evolves, is refused
    schemas.py write URL HOST PORT          throws messages at a listener that Confluent's serialisers wrote
    schemas.py read URL HOST PORT COUNT     reads COUNT messages of each form that a listener passes on, by Confluent's deserialisers

Prints one JSON object; ends with an error if anything is not as it should be.
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import paho.mqtt.client as mqtt
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from hearing import expect, hear

FORMATS = ["AVRO", "JSON", "PROTOBUF"]
SUBJECT = "citytwin.telemetry.Position-{}"


def subject(format):
    return SUBJECT.format(format.lower())


def refused(what, code, call):
    try:
        call()
    except SchemaRegistryError as error:
        expect(what, error.error_code, code)
        return
    raise SystemExit(f"{what}: was not refused")


def message_class(text, name, folder):
    """The class of a message, made from the text of its file by protoc."""
    stem = f"file_{name.lower()}"
    Path(folder, f"{stem}.proto").write_text(text)
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--python_out={folder}", f"{stem}.proto"], check=True
    )
    sys.path.insert(0, str(folder))
    return getattr(__import__(f"{stem}_pb2"), name)


def evolved(format, text):
    """A version with an optional field more, and one that cannot follow."""
    if format == "AVRO":
        more, less = json.loads(text), json.loads(text)
        more["fields"].append({"name": "colour", "type": ["null", "string"], "default": None})
        less["fields"].append({"name": "colour", "type": "string"})
        return json.dumps(more), json.dumps(less)
    if format == "JSON":
        more, less = json.loads(text), json.loads(text)
        more["properties"]["colour"] = {"type": "string"}
        less["required"].append("hdop")
        return json.dumps(more), json.dumps(less)
    more = text.replace(" {\n", " {\n  optional string colour = 90;\n")
    return more, text.replace("optional double latitude", "optional string latitude")


def registry(client):
    figures = {}
    expect("types", sorted(client.get_schema_types()), FORMATS)
    expect("the level", client.get_compatibility(), "BACKWARD")
    for format in FORMATS:
        own = client.get_latest_version(subject(format))
        text, topic = own.schema.schema_str, f"topic-{format}-value"
        expect("its id under another subject", client.register_schema(topic, Schema(text, format)), own.schema_id)
        expect("read back", client.get_schema(own.schema_id).schema_str, text)
        more, less = (Schema(text, format) for text in evolved(format, text))
        expect("an optional field", client.test_compatibility(topic, more), True)
        expect("something else", client.test_compatibility(topic, less), False)
        refused("something else", 409, lambda: client.register_schema(topic, less))
        id = client.register_schema(topic, more)
        expect("version", client.lookup_schema(topic, more).version, 2)
        expect("once more", client.register_schema(topic, more), id)
        expect("versions", client.get_versions(topic), [1, 2])
        expect("by version", client.get_version(topic, 1).schema_id, own.schema_id)
        client.set_compatibility(topic, "NONE")
        expect("the level", client.get_compatibility(topic), "NONE")
        expect("the third", client.register_schema(topic, less) > id, True)
        expect("deleted", client.delete_version(topic, 3), 3)
        refused("not there any more", 40402, lambda: client.get_version(topic, 3))
        expect("deleted", client.delete_subject(topic), [1, 2])
        refused("not there any more", 40401, lambda: client.get_latest_version(topic))
        expect("for good", client.delete_subject(topic, permanent=True), [1, 2, 3])
        figures[format] = id
    refused("no such schema", 40403, lambda: client.get_schema(999_999))
    refused("no schema", 42201, lambda: client.register_schema("s", Schema("{", "AVRO")))
    refused("no level", 42203, lambda: client.set_compatibility("s", "SIDEWAYS"))
    return figures


def position(format, sequence):
    return {
        "type": "position",
        "device": f"gps-{format.lower()}",
        "epoch": 0,
        "seq": sequence,
        "timestamp": 1_780_383_600_000 + sequence * 1000,
        "vehicle_id": "7",
        "vehicle_class": "bus",
        "ignition": True,
        "fix": "3d",
        "latitude": 55.6 + sequence / 1e5,
        "longitude": 4.0,
        "speed": 30.0,
    }


def in_words(record):
    """An instant as JSON has it."""
    seconds = (record["timestamp"] - 1_780_383_600_000) // 1000
    return {**record, "timestamp": f"2026-06-02T07:{seconds // 60:02}:{seconds % 60:02}.000Z"}


def write(client, host, port):
    sender = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="confluent")
    sender.connect(host, port)
    sender.loop_start()
    sent = 0
    with tempfile.TemporaryDirectory() as folder:
        texts = {format: client.get_latest_version(subject(format)).schema.schema_str for format in FORMATS}
        later, _ = evolved("AVRO", texts["AVRO"])
        message = message_class(texts["PROTOBUF"], "Position", folder)
        plain = lambda record: {key: value for key, value in record.items() if key != "type"}
        # The second of Avro is a later version, which the serialiser registers itself.
        serialisers = [
            ("AVRO", AvroSerializer(client, texts["AVRO"]), plain),
            ("LATER", AvroSerializer(client, later), lambda record: {**plain(record), "colour": "red"}),
            ("JSON", JSONSerializer(texts["JSON"], client), in_words),
            ("PROTOBUF", ProtobufSerializer(message, client), lambda record: message(**plain(record))),
        ]
        for format, serialise, form in serialisers:
            topic = f"gps_data/gps-{format.lower()}"
            context = SerializationContext(f"positions-{format}", MessageField.VALUE)
            for sequence in range(250):
                payload = serialise(form(position(format, sequence)), context)
                sender.publish(topic, payload, qos=1).wait_for_publish(10)
                sent += 1
    sender.loop_stop()
    return {"stored": sent}


def read(client, host, port, count):
    names = {}
    with tempfile.TemporaryDirectory() as folder:
        deserialisers = {"AVRO": AvroDeserializer(client), "JSON": JSONDeserializer(None, schema_registry_client=client)}

        def decoded(topic, payload):
            (id,) = struct.unpack(">I", payload[1:5])
            if id not in names:
                (name,) = client.get_subjects_by_schema_id(id)
                kind, format = name.removeprefix("citytwin.telemetry.").split("-")
                if format == "protobuf":
                    of = message_class(client.get_schema(id).schema_str, kind, folder)
                    deserialisers[name] = ProtobufDeserializer(of, {"use.deprecated.format": False}, client)
                names[id] = (name, format.upper())
            name, format = names[id]
            by = deserialisers.get(name) or deserialisers[format]
            # The client asks the registry about the topic, which has no slash where such clients are at home.
            record = by(payload, SerializationContext(topic.replace("/", "."), MessageField.VALUE))
            device = record.device if format == "PROTOBUF" else record["device"]
            expect("whose it is", topic.rsplit("/", 1)[1], device)
            return name

        found = {}

        def taken(message):
            name = decoded(message.topic, message.payload)
            found[name] = found.get(name, 0) + 1

        hear(host, port, count, found, taken)
    return found


def main(what, url, *rest):
    client = SchemaRegistryClient({"url": url})
    if what == "registry":
        return registry(client)
    host, port, *count = rest
    if what == "write":
        return write(client, host, int(port))
    return read(client, host, int(port), int(count[0]))


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
