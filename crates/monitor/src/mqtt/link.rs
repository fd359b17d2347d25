//! The connection to the broker, which is made anew whenever it breaks.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use rumqttc::{AsyncClient, ConnectionError, Event as Packet, Incoming, MqttOptions, PublishOptions, QoS};
use tokio::time::timeout;

use super::board::{Board, Message};
use super::discovery::BIRTH;
use crate::backoff::Backoff;
use crate::{SourceStatus, Subscription};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

/// Delays between two attempts to connect: the first, and the longest.
const DELAYS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// Time for the last messages when the monitor stops.
const FAREWELL: Duration = Duration::from_secs(3);

type Problem = Box<dyn std::error::Error + Send + Sync>;
/// What arrives from the broker. It is a stream because a call of `EventLoop::poll` that is given up in the middle loses what it had begun.
type Packets<'a> = Pin<&'a mut (dyn Stream<Item = Result<Packet, ConnectionError>> + Send)>;

/// Sends a broker what the events of the monitor change.
pub(super) struct Link<F> {
    options: MqttOptions,
    board: Board,
    events: Subscription,
    current: F,
    backoff: Backoff,
    /// Why the newest attempt failed: the same again is no warning, because a broker may be away all night.
    problem: Option<String>,
}

impl<F: Fn() -> Vec<SourceStatus>> Link<F> {
    pub(super) fn new(options: MqttOptions, mut board: Board, events: Subscription, current: F) -> Self {
        board.refresh(current());
        let [first, longest] = DELAYS;
        Self { options, board, events, current, backoff: Backoff::new(first, longest), problem: None }
    }

    /// Returns after the monitor has stopped.
    pub(super) async fn run(mut self) {
        while let Err(problem) = self.connection().await {
            let delay = self.backoff.next_delay();
            let problem = problem.to_string();
            if self.problem.as_ref() != Some(&problem) {
                tracing::warn!(problem, "MQTT: no connection to the broker; it is tried again until it succeeds");
            }
            self.problem = Some(problem);
            let is_stopped = timeout(delay, self.until_stopped()).await.is_ok();
            if is_stopped {
                return;
            }
        }
    }

    /// Connects, and sends what there is to be sent until the monitor stops or the connection breaks, which is an error.
    async fn connection(&mut self) -> Result<(), Problem> {
        let capacity = self.board.everything().len() + 64;
        // A client for each connection, because an earlier one would first send what has become stale.
        let (client, event_loop) = AsyncClient::builder(self.options.clone()).capacity(capacity).try_build()?;
        let mut packets: Packets = std::pin::pin!(event_loop.into_stream());
        let mut is_connected = false;
        loop {
            tokio::select! {
                event = self.events.next() => match event {
                    Some(event) => {
                        let messages = self.board.take(event, Instant::now());
                        if is_connected {
                            publish(&client, messages)?;
                            if !self.board.awaits_acknowledgement() {
                                self.publish_episode(&client)?;
                            }
                        }
                    }
                    None => {
                        if is_connected {
                            self.farewell(&client, packets).await;
                        }
                        return Ok(());
                    }
                },
                packet = packets.next() => match packet.unwrap_or(Err(ConnectionError::RequestsDone))? {
                    Packet::Incoming(Incoming::ConnAck(_)) => {
                        is_connected = true;
                        self.greet(&client)?;
                    }
                    Packet::Incoming(Incoming::Publish(message)) if message.payload[..] == *b"online" => {
                        publish(&client, self.board.discovery())?;
                    }
                    Packet::Incoming(Incoming::PubAck(_)) => {
                        self.board.acknowledge();
                        self.publish_episode(&client)?;
                    }
                    _ => {}
                },
            }
        }
    }

    /// Takes events without sending anything; returns when the monitor has stopped.
    async fn until_stopped(&mut self) {
        while let Some(event) = self.events.next().await {
            self.board.take(event, Instant::now());
        }
    }

    /// The broker has accepted the connection; it may know nothing, or what was true hours ago.
    fn greet(&mut self, client: &AsyncClient) -> Result<(), Problem> {
        tracing::info!("MQTT: connected to the broker");
        self.backoff.reset();
        self.problem = None;
        self.board.refresh((self.current)());
        publish(client, self.board.everything())?;
        client.try_subscribe(BIRTH, QoS::AtMostOnce)?;
        self.publish_episode(client)
    }

    /// Episodes go one by one, so that an acknowledgement can only mean the last that was sent.
    fn publish_episode(&mut self, client: &AsyncClient) -> Result<(), Problem> {
        let Some(message) = self.board.next_episode() else { return Ok(()) };
        Ok(client.try_publish(message.topic.clone(), message.payload.clone(), PublishOptions::at_least_once())?)
    }

    /// Sends the rest, says that the monitor is offline, and disconnects. Whatever fails here is told by the last will.
    async fn farewell(&mut self, client: &AsyncClient, packets: Packets<'_>) {
        match timeout(FAREWELL, self.disconnect(client, packets)).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => tracing::warn!(%problem, "MQTT: the connection broke before all was sent"),
            Err(_) => tracing::warn!("MQTT: the broker took too long for the last messages"),
        }
    }

    async fn disconnect(&mut self, client: &AsyncClient, mut packets: Packets<'_>) -> Result<(), Problem> {
        if !self.board.awaits_acknowledgement() {
            self.publish_episode(client)?;
        }
        while self.board.awaits_acknowledgement() {
            if let Packet::Incoming(Incoming::PubAck(_)) =
                packets.next().await.unwrap_or(Err(ConnectionError::RequestsDone))?
            {
                self.board.acknowledge();
                self.publish_episode(client)?;
            }
        }
        publish(client, self.board.farewell())?;
        client.try_disconnect()?;
        while let Some(packet) = packets.next().await {
            packet?;
        }
        Ok(())
    }
}

fn publish(client: &AsyncClient, messages: Vec<Message>) -> Result<(), Problem> {
    for message in messages {
        client.try_publish(message.topic, message.payload, PublishOptions::at_most_once().retain(message.retain))?;
    }
    Ok(())
}
