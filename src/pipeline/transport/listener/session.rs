//! The protocol of one connection, without a socket: bytes in, what was said out; answers gather in a buffer.
//!
//! `mqtt-protocol-core` keeps the state of MQTT 3.1.1 and 5 and is named in this file only. What it leaves to its user is
//! checked here: topic names, lengths, packet identifiers, the highest quality of service. Sessions end with their connection.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event};
use mqtt_protocol_core::mqtt::packet::{
    AssignedClientIdentifier, MaximumQos, Packet, Properties, Property, Qos, ReasonString, ReceiveMaximum,
    RetainHandling, SessionExpiryInterval, SharedSubscriptionAvailable, SubEntry, SubscriptionIdentifierAvailable,
    v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::prelude::GenericPacketTrait;
use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, MqttError, PubackReasonCode, SubackReasonCode,
    SubackReturnCode, UnsubackReasonCode,
};
use mqtt_protocol_core::mqtt::{Connection, Version, role};

use super::super::confirm::is_response_topic;
use super::super::greeting;
use super::super::message::{Message, PAYLOAD_BYTES_MAX};
use super::ListenerLimits;
use super::counters::Refusal;
use super::guard::Login;
use super::hub::Delivery;
use super::topics::may_publish;

/// What a message's sender waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Quality of service 0.
    None,
    /// PUBACK with this packet identifier.
    Acknowledge(u16),
    /// PUBREC with this packet identifier.
    Receive(u16),
    /// PUBACK with this packet identifier and "not authorized".
    Deny(u16),
}

/// A filter asked for, and how.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) filter: String,
    pub(super) acknowledged: bool,
    pub(super) no_local: bool,
    pub(super) keep_retain: bool,
    /// Whether kept messages are wanted: when the filter is new, when it is not.
    pub(super) kept: (bool, bool),
}

/// What came of a filter asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// With quality of service 1, or 0.
    Granted(bool),
    NotValid,
    Shared,
    TooMany,
    Denied,
}

/// What a client said.
#[derive(Debug)]
pub(super) enum Heard {
    Connect {
        client_id: String,
        keep_alive: u16,
        may_assign: bool,
        login: Option<Login>,
    },
    Publish {
        message: Message,
        retain: bool,
        answer: Answer,
        /// Who wants to be told, by which number, that it is durable.
        asked: Option<(Bytes, u64)>,
    },
    Subscribe {
        id: u16,
        asked: Vec<Asked>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Leave,
    /// The connection must end; whatever the protocol wants said about it is in the buffer.
    Refused(Refusal),
}

/// The protocol's state for one connection.
pub(super) struct Session {
    core: Connection<role::Server>,
    version: Version,
    /// Bytes to be sent.
    pub(super) out: BytesMut,
    /// Messages sent to this client and not acknowledged by it.
    unacknowledged: u16,
    connected: bool,
    /// Whether a first byte has come.
    begun: bool,
    receive_maximum: u16,
    /// The last one asked for; empty before.
    response_topic: Bytes,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Most messages on their way to one subscriber without its acknowledgement.
const UNACKNOWLEDGED_MAX: u16 = 256;

impl Session {
    pub(super) fn new(limits: &ListenerLimits) -> Self {
        let packet = u32::try_from(limits.packet_bytes).unwrap_or(u32::MAX);
        let options = ConnectionOptions::new().maximum_packet_size_recv(packet);
        let mut core = Connection::with_options(Version::Undetermined, options);
        core.set_auto_ping_response(true);
        Self {
            core,
            version: Version::Undetermined,
            out: BytesMut::new(),
            unacknowledged: 0,
            connected: false,
            begun: false,
            receive_maximum: limits.receive_maximum.max(1),
            response_topic: Bytes::new(),
        }
    }

    /// Takes bytes from the socket; stops at the first thing that ends the connection.
    pub(super) fn receive(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) {
        // Whoever speaks another protocol need not be waited for until a whole packet could be there.
        if self.version == Version::Undetermined && !self.begun && bytes.first().is_some_and(|first| *first != 0x10) {
            return heard.push(Heard::Refused(Refusal::Malformed));
        }
        self.begun = true;
        let mut cursor = Cursor::new(bytes);
        while cursor.position() < bytes.len() as u64 {
            let before = heard.len();
            let events = self.core.recv(&mut cursor);
            self.take(events, heard);
            if heard[before..].iter().any(|heard| matches!(heard, Heard::Leave | Heard::Refused(_))) {
                return;
            }
        }
    }

    fn take(&mut self, events: Vec<Event>, heard: &mut Vec<Heard>) {
        let mut close = false;
        let mut error = None;
        for event in events {
            match event {
                Event::NotifyPacketReceived(packet) => self.packet(packet, heard),
                Event::RequestSendPacket { packet, .. } => {
                    self.out.extend_from_slice(&packet.to_continuous_buffer());
                }
                Event::NotifyPacketIdReleased(_) => self.unacknowledged = self.unacknowledged.saturating_sub(1),
                Event::NotifyError(told) => error = Some(told),
                Event::RequestClose => close = true,
                // Keep-alive is watched by the connection, coarser and without a timer per packet.
                Event::RequestTimerReset { .. } | Event::RequestTimerCancel(_) => {}
            }
        }
        if let Some(error) = error {
            if error == MqttError::UnsupportedProtocolVersion
                && self.core.get_protocol_version() == Version::Undetermined
            {
                // The answer every version understands: CONNACK of 3.1.1 with "unacceptable protocol version".
                self.out.extend_from_slice(&[0x20, 0x02, 0x00, 0x01]);
            }
            // The core has said goodbye already in some cases, and refuses a second one.
            self.end(refusal(error), heard);
        } else if close {
            heard.push(Heard::Leave);
        }
    }

    fn packet(&mut self, packet: Packet, heard: &mut Vec<Heard>) {
        match packet {
            Packet::V3_1_1Connect(connect) => {
                self.version = Version::V3_1_1;
                heard.push(Heard::Connect {
                    client_id: connect.client_id().to_owned(),
                    keep_alive: connect.keep_alive(),
                    may_assign: connect.clean_session(),
                    login: login(connect.user_name(), connect.password()),
                });
            }
            Packet::V5_0Connect(connect) => {
                self.version = Version::V5_0;
                let client_id = connect.client_id().to_owned();
                let (keep_alive, login) = (connect.keep_alive(), login(connect.user_name(), connect.password()));
                heard.push(Heard::Connect { client_id, keep_alive, may_assign: true, login });
            }
            Packet::V3_1_1Publish(publish) => {
                let of = (publish.qos(), publish.packet_id(), publish.retain());
                self.published(publish.topic_name(), publish.payload().as_slice(), of, None, heard);
            }
            Packet::V5_0Publish(publish) => {
                let of = (publish.qos(), publish.packet_id(), publish.retain());
                let asked = self.asked(publish.props());
                self.published(publish.topic_name(), publish.payload().as_slice(), of, asked, heard);
            }
            Packet::V3_1_1Pubrel(pubrel) => self.complete(pubrel.packet_id(), heard),
            Packet::V5_0Pubrel(pubrel) => self.complete(pubrel.packet_id(), heard),
            Packet::V3_1_1Subscribe(subscribe) => self.subscribe(subscribe.packet_id(), subscribe.entries(), heard),
            Packet::V5_0Subscribe(subscribe) => self.subscribe(subscribe.packet_id(), subscribe.entries(), heard),
            Packet::V3_1_1Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.entries().iter().map(|filter| filter.as_str().to_owned()).collect();
                self.unsubscribe(unsubscribe.packet_id(), filters, heard);
            }
            Packet::V5_0Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.entries().iter().map(|filter| filter.as_str().to_owned()).collect();
                self.unsubscribe(unsubscribe.packet_id(), filters, heard);
            }
            Packet::V3_1_1Disconnect(_) | Packet::V5_0Disconnect(_) => heard.push(Heard::Leave),
            Packet::V5_0Auth(_) => self.end(Refusal::Protocol, heard),
            _ => {}
        }
    }

    /// Who wants to be told that a message is durable: the topic and the number in its properties.
    fn asked(&mut self, properties: &[Property]) -> Option<(Bytes, u64)> {
        let (mut topic, mut number) = (None, None);
        for property in properties {
            match property {
                Property::ResponseTopic(told) => topic = Some(told.val()),
                Property::CorrelationData(told) => number = told.val().try_into().ok().map(u64::from_be_bytes),
                _ => {}
            }
        }
        let (topic, number) = (topic?, number?);
        // A publisher asks for the same topic each time.
        if self.response_topic != topic.as_bytes() {
            if !is_response_topic(topic.as_bytes()) {
                return None;
            }
            self.response_topic = Bytes::copy_from_slice(topic.as_bytes());
        }
        Some((self.response_topic.clone(), number))
    }

    fn published(
        &mut self,
        topic: &str,
        payload: &[u8],
        of: (Qos, Option<u16>, bool),
        asked: Option<(Bytes, u64)>,
        heard: &mut Vec<Heard>,
    ) {
        let (qos, id, retain) = of;
        if !may_publish(topic) {
            return self.end(Refusal::Topic, heard);
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return self.end(Refusal::PacketTooLarge, heard);
        }
        let answer = match (qos, id) {
            (Qos::AtMostOnce, _) => Answer::None,
            (_, None | Some(0)) => return self.end(Refusal::Malformed, heard),
            (Qos::AtLeastOnce, Some(id)) => Answer::Acknowledge(id),
            // Announced in CONNACK as not supported; 3.1.1 has no way to say so, there it is.
            (Qos::ExactlyOnce, Some(_)) if self.version == Version::V5_0 => return self.end(Refusal::Qos, heard),
            (Qos::ExactlyOnce, Some(id)) => Answer::Receive(id),
        };
        let message = Message { topic: Arc::from(topic), payload: Bytes::copy_from_slice(payload) };
        heard.push(Heard::Publish { message, retain, answer, asked });
    }

    /// Second half of quality of service 2: the message is durable since its PUBREC.
    fn complete(&mut self, id: u16, heard: &mut Vec<Heard>) {
        let packet: Option<Packet> = match self.version {
            Version::V5_0 => v5_0::Pubcomp::builder().packet_id(id).build().ok().map(Into::into),
            _ => v3_1_1::Pubcomp::builder().packet_id(id).build().ok().map(Into::into),
        };
        match packet {
            Some(packet) => self.send(Some(packet)),
            None => self.end(Refusal::Malformed, heard),
        }
    }

    fn subscribe(&mut self, id: u16, entries: &[SubEntry], heard: &mut Vec<Heard>) {
        if id == 0 {
            return self.end(Refusal::Malformed, heard);
        }
        let asked = entries.iter().map(|entry| {
            let options = entry.sub_opts();
            Asked {
                filter: entry.topic_filter().to_owned(),
                acknowledged: options.qos() != Qos::AtMostOnce,
                no_local: options.nl(),
                keep_retain: options.rap(),
                kept: match options.rh() {
                    RetainHandling::SendRetained => (true, true),
                    RetainHandling::SendRetainedIfNotExists => (true, false),
                    RetainHandling::DoNotSendRetained => (false, false),
                },
            }
        });
        heard.push(Heard::Subscribe { id, asked: asked.collect() });
    }

    fn unsubscribe(&mut self, id: u16, filters: Vec<String>, heard: &mut Vec<Heard>) {
        if id == 0 {
            return self.end(Refusal::Malformed, heard);
        }
        heard.push(Heard::Unsubscribe { id, filters });
    }

    /// Sends a packet, if it could be made.
    fn send(&mut self, packet: Option<Packet>) {
        let Some(packet) = packet else { return };
        let mut heard = Vec::new();
        let events = self.core.send(packet);
        self.take(events, &mut heard);
    }

    /// Says why the connection ends, where the protocol has words for it.
    fn end(&mut self, refusal: Refusal, heard: &mut Vec<Heard>) {
        self.say_goodbye(refusal);
        heard.push(Heard::Refused(refusal));
    }

    /// Welcomes a client; tells it its identifier if that was chosen here.
    pub(super) fn accept(&mut self, assigned: Option<&str>) {
        self.connected = true;
        let packet: Option<Packet> = if self.version == Version::V5_0 {
            let mut properties: Properties = Vec::new();
            // Sessions end with their connection, and this says so in the words of the standard.
            properties.extend(SessionExpiryInterval::new(0).ok().map(Property::from));
            properties.extend(ReceiveMaximum::new(self.receive_maximum).ok().map(Property::from));
            properties.extend(MaximumQos::new(1).ok().map(Property::from));
            properties.extend(SubscriptionIdentifierAvailable::new(0).ok().map(Property::from));
            properties.extend(SharedSubscriptionAvailable::new(0).ok().map(Property::from));
            let assigned = assigned.and_then(|id| AssignedClientIdentifier::new(id).ok());
            properties.extend(assigned.map(Property::from));
            let connack = v5_0::Connack::builder().session_present(false).reason_code(ConnectReasonCode::Success);
            connack.props(properties).build().ok().map(Into::into)
        } else {
            let connack = v3_1_1::Connack::builder().session_present(false);
            connack.return_code(ConnectReturnCode::Accepted).build().ok().map(Into::into)
        };
        self.send(packet);
    }

    /// Turns a client away before it is welcome.
    pub(super) fn turn_away(&mut self, refusal: Refusal) {
        let (old, new) = match refusal {
            Refusal::ClientId => (ConnectReturnCode::IdentifierRejected, ConnectReasonCode::ClientIdentifierNotValid),
            Refusal::Password => (ConnectReturnCode::NotAuthorized, ConnectReasonCode::BadUserNameOrPassword),
            Refusal::Anonymous | Refusal::Certificate => {
                (ConnectReturnCode::NotAuthorized, ConnectReasonCode::NotAuthorized)
            }
            Refusal::Attempts => (ConnectReturnCode::ServerUnavailable, ConnectReasonCode::ConnectionRateExceeded),
            Refusal::PerUser => (ConnectReturnCode::ServerUnavailable, ConnectReasonCode::QuotaExceeded),
            _ => (ConnectReturnCode::ServerUnavailable, ConnectReasonCode::ServerUnavailable),
        };
        let packet: Option<Packet> = match self.version {
            Version::V5_0 => {
                // Why in words, too, and whose words they are.
                let why = ReasonString::new(format!("{}{}", greeting::REFUSED, refusal.in_words())).ok();
                let connack = v5_0::Connack::builder().session_present(false).reason_code(new);
                connack.props(why.map(Property::from).into_iter().collect::<Properties>()).build().ok().map(Into::into)
            }
            _ => v3_1_1::Connack::builder().session_present(false).return_code(old).build().ok().map(Into::into),
        };
        self.send(packet);
    }

    /// Answers a durable message.
    pub(super) fn answer(&mut self, answer: Answer) {
        let packet: Option<Packet> = match (answer, self.version) {
            (Answer::None, _) => None,
            (Answer::Deny(id), _) => {
                let puback = v5_0::Puback::builder().packet_id(id).reason_code(PubackReasonCode::NotAuthorized);
                puback.build().ok().map(Into::into)
            }
            (Answer::Acknowledge(id), Version::V5_0) => {
                v5_0::Puback::builder().packet_id(id).build().ok().map(Into::into)
            }
            (Answer::Acknowledge(id), _) => v3_1_1::Puback::builder().packet_id(id).build().ok().map(Into::into),
            (Answer::Receive(id), _) => v3_1_1::Pubrec::builder().packet_id(id).build().ok().map(Into::into),
        };
        self.send(packet);
    }

    /// Answers SUBSCRIBE, filter by filter.
    pub(super) fn granted(&mut self, id: u16, grants: &[Grant]) {
        let packet: Option<Packet> = if self.version == Version::V5_0 {
            let codes = grants.iter().map(|grant| match grant {
                Grant::Granted(true) => SubackReasonCode::GrantedQos1,
                Grant::Granted(false) => SubackReasonCode::GrantedQos0,
                Grant::NotValid => SubackReasonCode::TopicFilterInvalid,
                Grant::Shared => SubackReasonCode::SharedSubscriptionsNotSupported,
                Grant::TooMany => SubackReasonCode::QuotaExceeded,
                Grant::Denied => SubackReasonCode::NotAuthorized,
            });
            v5_0::Suback::builder().packet_id(id).reason_codes(codes.collect()).build().ok().map(Into::into)
        } else {
            let codes = grants.iter().map(|grant| match grant {
                Grant::Granted(true) => SubackReturnCode::SuccessMaximumQos1,
                Grant::Granted(false) => SubackReturnCode::SuccessMaximumQos0,
                _ => SubackReturnCode::Failure,
            });
            v3_1_1::Suback::builder().packet_id(id).return_codes(codes.collect()).build().ok().map(Into::into)
        };
        self.send(packet);
    }

    /// Answers UNSUBSCRIBE; says for each filter whether it was there.
    pub(super) fn removed(&mut self, id: u16, removed: &[bool]) {
        let packet: Option<Packet> = match self.version {
            Version::V5_0 => {
                let codes = removed.iter().map(|removed| {
                    if *removed { UnsubackReasonCode::Success } else { UnsubackReasonCode::NoSubscriptionExisted }
                });
                v5_0::Unsuback::builder().packet_id(id).reason_codes(codes.collect()).build().ok().map(Into::into)
            }
            _ => v3_1_1::Unsuback::builder().packet_id(id).build().ok().map(Into::into),
        };
        self.send(packet);
    }

    /// Whether the client understands why a message is not taken.
    pub(super) fn can_deny(&self) -> bool {
        self.version == Version::V5_0
    }

    /// Whether another message may be sent to this client.
    pub(super) fn may_deliver(&self) -> bool {
        let vacancy = self.core.get_receive_maximum_vacancy_for_send();
        self.connected && self.unacknowledged < UNACKNOWLEDGED_MAX && vacancy != Some(0)
    }

    /// Sends a message to this client; false if it takes no packets of that size.
    pub(super) fn deliver(&mut self, delivery: &Delivery) -> bool {
        let qos = if delivery.acknowledged { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let id = if delivery.acknowledged { self.core.acquire_packet_id().ok() } else { None };
        let (topic, payload) = (&*delivery.message.topic, &delivery.message.payload[..]);
        let packet: Option<Packet> = if self.version == Version::V5_0 {
            let publish = v5_0::Publish::builder().topic_name(topic).ok();
            let publish =
                publish.map(|publish| publish.qos(qos).retain(delivery.retain).payload(payload).packet_id(id));
            publish.and_then(|publish| publish.build().ok()).map(Into::into)
        } else {
            let publish = v3_1_1::Publish::builder().topic_name(topic).ok();
            let publish =
                publish.map(|publish| publish.qos(qos).retain(delivery.retain).payload(payload).packet_id(id));
            publish.and_then(|publish| publish.build().ok()).map(Into::into)
        };
        let before = self.out.len();
        self.send(packet);
        let sent = self.out.len() > before;
        match id {
            Some(_) if sent => self.unacknowledged += 1,
            Some(id) => drop(self.core.release_packet_id(id)),
            None => {}
        }
        sent
    }

    /// Says goodbye in MQTT 5; 3.1.1 has no words for it. Nothing may be sent after it.
    pub(super) fn say_goodbye(&mut self, refusal: Refusal) {
        let code = match refusal {
            Refusal::KeepAlive => DisconnectReasonCode::KeepAliveTimeout,
            Refusal::Malformed => DisconnectReasonCode::MalformedPacket,
            Refusal::Protocol => DisconnectReasonCode::ProtocolError,
            Refusal::PacketTooLarge => DisconnectReasonCode::PacketTooLarge,
            Refusal::Topic => DisconnectReasonCode::TopicNameInvalid,
            Refusal::Qos => DisconnectReasonCode::QosNotSupported,
            Refusal::TakenOver => DisconnectReasonCode::SessionTakenOver,
            Refusal::Bus => DisconnectReasonCode::QuotaExceeded,
            Refusal::Forbidden => DisconnectReasonCode::NotAuthorized,
            Refusal::TooManyConnections => DisconnectReasonCode::ServerBusy,
            _ => DisconnectReasonCode::UnspecifiedError,
        };
        self.disconnect(code);
    }

    /// Says that the server goes.
    pub(super) fn shut_down(&mut self) {
        self.disconnect(DisconnectReasonCode::ServerShuttingDown);
    }

    fn disconnect(&mut self, code: DisconnectReasonCode) {
        // First of all, because an error of sending it leads here again.
        let connected = std::mem::take(&mut self.connected);
        if connected && self.version == Version::V5_0 {
            let packet = v5_0::Disconnect::builder().reason_code(code).build();
            self.send(packet.ok().map(Into::into));
        }
    }
}

fn login(name: Option<&str>, password: Option<&[u8]>) -> Option<Login> {
    name.map(|name| (name.to_owned(), password.unwrap_or_default().to_vec()))
}

fn refusal(error: MqttError) -> Refusal {
    match error {
        MqttError::ProtocolError | MqttError::PacketIdentifierInvalid => Refusal::Protocol,
        MqttError::PacketTooLarge => Refusal::PacketTooLarge,
        MqttError::UnsupportedProtocolVersion => Refusal::Version,
        MqttError::ClientIdentifierNotValid => Refusal::ClientId,
        MqttError::ReceiveMaximumExceeded => Refusal::ReceiveMaximum,
        MqttError::TopicAliasInvalid => Refusal::TopicAlias,
        _ => Refusal::Malformed,
    }
}
