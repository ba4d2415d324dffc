//! The packets a publisher sends and hears, in MQTT 3.1.1 (written and read by `rumqttc`) and 5 (by `packet.rs`).
//!
//! Of `rumqttc` only the packets are used. Its event loop (0.25.1) forgets what is unacknowledged when a broker comes back
//! without a session, puts messages out of order when a connection breaks twice, and makes one system call per message.

use bytes::{Bytes, BytesMut};

use super::super::packet::{self, Asking, Hello, Packet};
use super::{Credentials, Message, Protocol};

/// Longest packet a broker may send us [bytes]; nobody sends a publisher long ones.
const INCOMING_BYTES_MAX: u32 = 64 * 1024;

/// Why a packet cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct WireError(String);

/// What a broker says to a publisher.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// CONNACK: come in; with the most messages it wants on their way.
    Welcome(u16),
    /// CONNACK: no, and why; whether to try again.
    Refused { reason: String, again: bool },
    /// PUBACK.
    Acknowledged(u16),
    /// PUBACK with a reason why not.
    Rejected(u16, String),
    /// PUBLISH: to the topic of our confirmations, or to another.
    Told { topic: Bytes, payload: Bytes, id: u16 },
    /// SUBACK with a reason why not.
    Unheard(&'static str),
    /// PINGRESP, or anything a publisher need not know.
    Alive,
    /// DISCONNECT, and why.
    Goodbye(String),
}

/// Writes and reads packets of one version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire(pub(super) Protocol);

fn wire_error(error: impl std::fmt::Debug) -> WireError {
    WireError(format!("what the broker says is no MQTT: {error:?}"))
}

impl Wire {
    /// CONNECT, with a clean session: what is unacknowledged is kept on this side.
    pub(super) fn connect(
        self,
        client_id: &str,
        keep_alive: u16,
        login: Option<&Credentials>,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        match self.0 {
            Protocol::V311 => {
                let mut connect = rumqttc::Connect::new(client_id);
                connect.keep_alive = keep_alive;
                connect.clean_session = true;
                if let Some(login) = login {
                    connect.set_login(login.user.as_str(), login.password.as_str());
                }
                connect.write(out).map(drop).map_err(wire_error)
            }
            Protocol::V5 => {
                let hello = Hello {
                    client_id,
                    keep_alive,
                    login,
                    clean_start: true,
                    session_expiry: 0,
                    receive_maximum: u16::MAX,
                    packet_bytes: INCOMING_BYTES_MAX,
                };
                packet::connect(&hello, out);
                Ok(())
            }
        }
    }

    /// PUBLISH with quality of service 1; in MQTT 5 also with what is asked.
    pub(super) fn publish(
        self,
        message: &Message,
        id: u16,
        again: bool,
        asking: Option<Asking<'_>>,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        match self.0 {
            Protocol::V311 => {
                let mut publish =
                    rumqttc::Publish::from_bytes(&*message.topic, rumqttc::QoS::AtLeastOnce, message.payload.clone());
                publish.pkid = id;
                publish.dup = again;
                publish.write(out).map(drop).map_err(wire_error)
            }
            Protocol::V5 => {
                packet::publish(&message.topic, &message.payload, Some(id), again, asking, out);
                Ok(())
            }
        }
    }

    /// PINGREQ, the same in both versions.
    pub(super) fn ping(out: &mut BytesMut) {
        packet::ping(out);
    }

    /// DISCONNECT without a reason, the same in both versions.
    pub(super) fn disconnect(out: &mut BytesMut) {
        packet::disconnect(out);
    }

    /// The next packet, if it is there as a whole.
    pub(super) fn read(self, stream: &mut BytesMut) -> Result<Option<Said>, WireError> {
        match self.0 {
            Protocol::V311 => match rumqttc::Packet::read(stream, INCOMING_BYTES_MAX as usize) {
                Ok(packet) => Ok(Some(said_311(packet))),
                Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(wire_error(error)),
            },
            Protocol::V5 => packet::read(stream, INCOMING_BYTES_MAX as usize)
                .map(|packet| packet.map(said_5))
                .map_err(|error| WireError(error.to_string())),
        }
    }
}

fn said_311(packet: rumqttc::Packet) -> Said {
    use rumqttc::ConnectReturnCode as Code;
    match packet {
        rumqttc::Packet::ConnAck(connack) => match connack.code {
            Code::Success => Said::Welcome(u16::MAX),
            code => Said::Refused { reason: format!("{code:?}"), again: code == Code::ServiceUnavailable },
        },
        rumqttc::Packet::PubAck(puback) => Said::Acknowledged(puback.pkid),
        rumqttc::Packet::Disconnect => Said::Goodbye("it disconnects".to_owned()),
        _ => Said::Alive,
    }
}

fn said_5(packet: Packet) -> Said {
    match packet {
        Packet::Welcome(terms) => Said::Welcome(terms.receive_maximum),
        // Unavailable, busy, connection rate exceeded: another time.
        Packet::Refused(code) => {
            Said::Refused { reason: packet::reason(code).to_owned(), again: matches!(code, 0x88 | 0x89 | 0x9f) }
        }
        Packet::Acknowledged { id, code } if code < 0x80 => Said::Acknowledged(id),
        Packet::Acknowledged { id, code } => Said::Rejected(id, packet::reason(code).to_owned()),
        Packet::Publish(arrived) => Said::Told { topic: arrived.topic, payload: arrived.payload, id: arrived.id },
        Packet::Subscribed(codes) => {
            codes.iter().find(|code| **code >= 0x80).map_or(Said::Alive, |code| Said::Unheard(packet::reason(*code)))
        }
        Packet::Goodbye(code) => Said::Goodbye(format!("it disconnects: {}", packet::reason(code))),
        Packet::Pong | Packet::Other => Said::Alive,
    }
}
