//! The packets a publisher sends and hears, written and read by `rumqttc`, in MQTT 3.1.1 and 5.
//!
//! Of `rumqttc` only the packets are used. Its event loop (0.25.1) forgets what is unacknowledged when a broker comes back
//! without a session, puts messages out of order when a connection breaks twice, and makes one system call per message.

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes as bytes5;
use rumqttc::v5::mqttbytes::v5;

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
                let connect =
                    v5::Connect { keep_alive, client_id: client_id.to_owned(), clean_start: true, properties: None };
                let login = login.map(|login| v5::Login::new(login.user.as_str(), login.password.as_str()));
                v5::Packet::Connect(connect, None, login).write(out, None).map(drop).map_err(wire_error)
            }
        }
    }

    /// PUBLISH with quality of service 1.
    pub(super) fn publish(self, message: &Message, id: u16, again: bool, out: &mut BytesMut) -> Result<(), WireError> {
        match self.0 {
            Protocol::V311 => {
                let mut publish =
                    rumqttc::Publish::from_bytes(&*message.topic, rumqttc::QoS::AtLeastOnce, message.payload.clone());
                publish.pkid = id;
                publish.dup = again;
                publish.write(out).map(drop).map_err(wire_error)
            }
            Protocol::V5 => {
                let publish = v5::Publish {
                    dup: again,
                    qos: bytes5::QoS::AtLeastOnce,
                    topic: Bytes::copy_from_slice(message.topic.as_bytes()),
                    pkid: id,
                    payload: message.payload.clone(),
                    ..v5::Publish::default()
                };
                publish.write(out).map(drop).map_err(wire_error)
            }
        }
    }

    /// PINGREQ, the same in both versions.
    pub(super) fn ping(out: &mut BytesMut) {
        out.extend_from_slice(&[0xc0, 0x00]);
    }

    /// DISCONNECT without a reason, the same in both versions.
    pub(super) fn disconnect(out: &mut BytesMut) {
        out.extend_from_slice(&[0xe0, 0x00]);
    }

    /// The next packet, if it is there as a whole.
    pub(super) fn read(self, stream: &mut BytesMut) -> Result<Option<Said>, WireError> {
        match self.0 {
            Protocol::V311 => match rumqttc::Packet::read(stream, INCOMING_BYTES_MAX as usize) {
                Ok(packet) => Ok(Some(said_311(packet))),
                Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(wire_error(error)),
            },
            Protocol::V5 => match v5::Packet::read(stream, Some(INCOMING_BYTES_MAX)) {
                Ok(packet) => Ok(Some(said_5(packet))),
                Err(bytes5::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(wire_error(error)),
            },
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

fn said_5(packet: v5::Packet) -> Said {
    use v5::ConnectReturnCode as Code;
    use v5::PubAckReason as Reason;
    match packet {
        v5::Packet::ConnAck(connack) => match connack.code {
            Code::Success => Said::Welcome(connack.properties.and_then(|told| told.receive_max).unwrap_or(u16::MAX)),
            code => {
                let again = matches!(code, Code::ServiceUnavailable | Code::ServerBusy | Code::ConnectionRateExceeded);
                Said::Refused { reason: format!("{code:?}"), again }
            }
        },
        v5::Packet::PubAck(puback) => match puback.reason {
            Reason::Success | Reason::NoMatchingSubscribers => Said::Acknowledged(puback.pkid),
            reason => Said::Rejected(puback.pkid, format!("{reason:?}")),
        },
        v5::Packet::Disconnect(disconnect) => Said::Goodbye(format!("it disconnects: {:?}", disconnect.reason_code)),
        _ => Said::Alive,
    }
}
