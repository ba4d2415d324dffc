//! A door from this process into its own listener, for those who need not say who they are because nobody else can come this way.
//!
//! A listener that asks for users, certificates and encryption asks the city's own gateway, too, which has none of them; and a
//! credential made for it would be one more that can be stolen. So the gateway makes a connection of this machine with itself and hands
//! its far end to the listener inside the process: nothing is opened that others could reach, and what the listener asks of
//! everybody else stays as it is. The door outlives a listener that is started again. Knows no MQTT.

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

/// Connections handed over that no listener has taken yet; beyond it dialling fails, and is tried again like any other.
const WAITING_MAX: usize = 64;
/// Strangers that may get between both ends of a connection before it is given up; they are closed at once.
const STRANGERS_MAX: usize = 64;

/// The door; cloning shares it.
#[derive(Debug, Clone)]
pub struct Door {
    hand: mpsc::Sender<TcpStream>,
    handed: Arc<Mutex<mpsc::Receiver<TcpStream>>>,
}

impl Default for Door {
    fn default() -> Self {
        let (hand, handed) = mpsc::channel(WAITING_MAX);
        Self { hand, handed: Arc::new(Mutex::new(handed)) }
    }
}

impl Door {
    /// A connection to the listener at the other side.
    pub(super) async fn dial(&self) -> io::Result<TcpStream> {
        let (near, far) = pair().await?;
        let full = |_| io::Error::new(ErrorKind::WouldBlock, "the listener takes no connections");
        self.hand.try_send(far).map_err(full)?;
        Ok(near)
    }

    /// The next connection that was handed over; only one listener at a time gets them.
    pub(super) async fn next(&self) -> TcpStream {
        let mut handed = self.handed.lock().await;
        match handed.recv().await {
            Some(stream) => stream,
            // Never, because this holds a sender as well.
            None => std::future::pending().await,
        }
    }
}

/// Both ends of a connection of this process with itself.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(socket.local_addr()?).await?;
    let own = near.local_addr()?;
    for _ in 0..STRANGERS_MAX {
        let (far, from) = socket.accept().await?;
        // Anybody on this machine may have connected meanwhile; whoever is not the near end is let go.
        if from == own {
            return Ok((near, far));
        }
    }
    Err(io::Error::new(ErrorKind::AddrInUse, "strangers got in between"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn what_one_side_says_the_other_hears_also_when_it_was_made_first() {
        run(async {
            let door = Door::default();
            let mut first = door.dial().await.unwrap();
            first.write_all(b"one").await.unwrap();
            let (mut near, mut far) = (door.dial().await.unwrap(), door.next().await);
            let mut said = [0; 3];
            far.read_exact(&mut said).await.unwrap();
            assert_eq!(&said, b"one");
            // A listener that is started again goes on with the next.
            let mut again = door.clone().next().await;
            again.write_all(b"two").await.unwrap();
            near.read_exact(&mut said).await.unwrap();
            assert_eq!(&said, b"two");
        });
    }

    #[test]
    fn a_door_behind_which_nobody_is_fills_up_and_says_so() {
        run(async {
            let door = Door::default();
            let mut waiting = Vec::new();
            for _ in 0..WAITING_MAX {
                waiting.push(door.dial().await.unwrap());
            }
            assert_eq!(door.dial().await.map_err(|error| error.kind()).err(), Some(ErrorKind::WouldBlock));
        });
    }
}
