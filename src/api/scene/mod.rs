//! Scenes as they are sent: where lanes lie on the map of the world, everybody by map tile, and what one reader is told of it.
//!
//! A scene is put into tiles once, a tile's payload is packed once however many look at it, and a reader is sent the tiles it looks at: in
//! full first, then as changes from the frame it has. Knows no socket.

mod bytes;
mod columns;
mod encoder;
mod frame;
mod ground;
mod pace;
mod tracks;
mod view;

pub use bytes::BadFrame;
pub use columns::{Columns, Shown};
pub use encoder::{Encoder, Has, Made};
pub use frame::{Entry, Head, Payload, Picture, Told, read_roads, road_bytes, roads};
pub use ground::{Bounds, Ground, TILE_ZOOM, TileId};
pub use tracks::{Spot, Tracks};
pub use view::{Occasion, Parts, View};
