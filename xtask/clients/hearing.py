"""What the checks of messages share: hearing what a listener passes on, and holding what was found to what was wanted."""

import threading

import paho.mqtt.client as mqtt


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r} instead of {wanted!r}")


def hear(host, port, count, found, take):
    """Lets `take` have every message until `found`, which it fills by name, has `count` of them; ends with the first it cannot take."""
    done, wrong = threading.Event(), []

    def heard(_client, _data, message):
        try:
            take(message)
        except BaseException as error:
            wrong.append(f"{message.topic}: {message.payload!r}: {error!r}")
            done.set()
            return
        if sum(found.values()) >= count:
            done.set()

    hearer = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="reader")
    hearer.on_message = heard
    hearer.on_subscribe = lambda *_: print("ready", flush=True)
    hearer.on_connect = lambda client, *_: client.subscribe("#")
    hearer.connect(host, port)
    hearer.loop_start()
    expect("enough messages within 60 s", done.wait(60), True)
    hearer.loop_stop()
    if wrong:
        raise SystemExit(wrong[0])
