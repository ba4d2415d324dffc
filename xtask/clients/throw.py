"""Throws messages at the listener with a client nobody here wrote (paho), and says what should become of them.

    throw.py HOST PORT MQTT_VERSION

Prints one JSON object: how many records should be stored, and how many messages should be in quarantine for each reason.
"""

import json
import random
import sys

import paho.mqtt.client as mqtt

HOST, PORT, VERSION = sys.argv[1], int(sys.argv[2]), sys.argv[3]
DICE = random.Random(20260602)
PREFIX = f"v{VERSION.replace('.', '')}"


def position(name, sequence, second, **changes):
    """A good record of a tracker, changed as asked."""
    record = {
        "type": "position",
        "device": f"gps-{PREFIX}-{name}",
        "epoch": 0,
        "seq": sequence,
        "timestamp": f"2026-06-02T07:{second // 60:02}:{second % 60:02}.000Z",
        "vehicle_id": name,
        "vehicle_class": "passenger",
        "ignition": True,
        "fix": "3d",
        "latitude": 55.6 + sequence / 1e5,
        "longitude": 4.0,
        "speed": 30.0,
        "direction": 90.0,
        "hdop": 1.0,
    }
    record.update(changes)
    return {key: value for key, value in record.items() if value is not None}


def topic(record):
    return f"gps_data/{record['device']}"


def encoded(record):
    return json.dumps(record).encode()


messages, expected = [], {"stored": 0, "quarantined": {}}


def good(record):
    messages.append((topic(record), encoded(record)))
    expected["stored"] += 1


def bad(reason, where, payload):
    messages.append((where, payload))
    expected["quarantined"][reason] = expected["quarantined"].get(reason, 0) + 1


def again(index):
    messages.append(messages[index])


# 300 good records of ten devices, in order.
for sequence in range(30):
    for device in range(10):
        good(position(f"a{device}", sequence, 5 * sequence))
# 100 of five devices, each block of four backwards: late by seconds, never lost.
for block in range(5):
    for device in range(5):
        for sequence in reversed(range(4 * block, 4 * block + 4)):
            good(position(f"b{device}", sequence, 60 + sequence))
# 200 duplicates, of whatever was sent before.
for _ in range(200):
    again(DICE.randrange(400))
# 400 that are no records, each for one reason. Each differs, or it would be recognised as refused before.
for n in range(40):
    bad("not_a_record", "gps_data/gps-x", b"not json at all %d" % n)
    bad("not_a_record", "gps_data/gps-x", bytes([0xFF, 0xFE, 0x00, n]))
    bad("not_a_record", "gps_data/gps-x", b"[" * (1000 + n))
    bad("not_a_record", f"gps_data/gps-y{n}", encoded(position("y", n, 1, epoch=None)))
    bad("unknown_type", f"gps_data/gps-y{n}", encoded(position("y", n, 1, type="teapot")))
    bad("bad_device", "gps_data/gps-x", encoded(position("x", n, 1, device=f"../../etc/passwd{n}")))
    bad("bad_timestamp", f"gps_data/gps-y{n}", encoded(position("y", n, 1, timestamp="yesterday")))
    bad("not_a_reading", f"gps_data/gps-{PREFIX}-y{n}", encoded(position(f"y{n}", n, 1, fix="by ear")))
    bad("out_of_range", f"gps_data/gps-{PREFIX}-z{n}", encoded(position(f"z{n}", n, 1, latitude=91.0 + n)))
    bad("wrong_topic", f"weather_data/gps-{PREFIX}-w{n}", encoded(position(f"w{n}", n, 1)))

client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2,
    client_id=f"thrower-{PREFIX}",
    protocol=mqtt.MQTTv5 if VERSION == "5" else mqtt.MQTTv311,
)
client.max_inflight_messages_set(50)
client.connect(HOST, PORT)
client.loop_start()
sent = [client.publish(where, payload, qos=1) for where, payload in messages]
for one in sent:
    one.wait_for_publish(timeout=30)
    if not one.is_published():
        sys.exit("a message was not acknowledged within 30 s")
client.disconnect()
client.loop_stop()
expected["messages"] = len(messages)
print(json.dumps(expected))
