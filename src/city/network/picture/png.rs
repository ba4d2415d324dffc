//! Polygons on a grid of pixels, and the grid as PNG (ISO/IEC 15948).
//!
//! Edges are smoothed by four scan lines in each row and exact coverage along them. Knows no road.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::Colour;

/// Scan lines in a row of pixels.
const LINES: u32 = 4;

/// A grid of pixels.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, ground: Colour) -> Self {
        Self { width, height, pixels: vec![ground; width as usize * height as usize] }
    }

    /// Fills a polygon; where it covers itself, an even number of times is outside.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the grid first")]
    pub(super) fn fill(&mut self, points: &[(f64, f64)], colour: Colour) {
        let (Some(top), Some(bottom)) = (
            points.iter().map(|point| point.1).min_by(f64::total_cmp),
            points.iter().map(|point| point.1).max_by(f64::total_cmp),
        ) else {
            return;
        };
        let height = f64::from(self.height);
        let (first, last) = (top.floor().clamp(0.0, height) as u32, bottom.ceil().clamp(0.0, height) as u32);
        let mut covered = vec![0.0_f64; self.width as usize];
        let mut crossings = Vec::new();
        for row in first..last {
            covered.fill(0.0);
            for line in 0..LINES {
                let y = f64::from(row) + (f64::from(line) + 0.5) / f64::from(LINES);
                crossings.clear();
                let ends = points.iter().zip(points.iter().cycle().skip(1));
                crossings.extend(
                    ends.filter(|(a, b)| (a.1 <= y) != (b.1 <= y))
                        .map(|(a, b)| a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0)),
                );
                crossings.sort_by(f64::total_cmp);
                for pair in crossings.chunks_exact(2) {
                    cover(&mut covered, pair[0], pair[1]);
                }
            }
            let start = row as usize * self.width as usize;
            for (pixel, covered) in self.pixels[start..].iter_mut().zip(&covered) {
                let share = (covered / f64::from(LINES)).min(1.0);
                if share > 0.0 {
                    for (channel, wanted) in pixel.iter_mut().zip(colour) {
                        let mixed = f64::from(*channel) * (1.0 - share) + f64::from(wanted) * share;
                        *channel = mixed.round().clamp(0.0, 255.0) as u8;
                    }
                }
            }
        }
    }

    /// The bytes of a PNG file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut rows = Vec::with_capacity(self.pixels.len() * 3 + self.height as usize);
        for row in self.pixels.chunks_exact(self.width as usize) {
            rows.push(0);
            rows.extend(row.iter().flatten());
        }
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail.
        let _ = packer.write_all(&rows);
        let packed = packer.finish().unwrap_or_default();
        let mut header = Vec::new();
        header.extend(self.width.to_be_bytes());
        header.extend(self.height.to_be_bytes());
        // Eight bits each of red, green and blue; not interlaced.
        header.extend([8, 2, 0, 0, 0]);
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, content) in [(b"IHDR", header.as_slice()), (b"IDAT", packed.as_slice()), (b"IEND", &[])] {
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
            bytes.extend(length.to_be_bytes());
            let mut crc = Crc::new();
            crc.update(kind);
            crc.update(content);
            bytes.extend(kind);
            bytes.extend(content);
            bytes.extend(crc.sum().to_be_bytes());
        }
        bytes
    }
}

/// Adds a stretch of a scan line to what it covers of each pixel.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the row first")]
fn cover(covered: &mut [f64], from: f64, to: f64) {
    let width = f64::from(u32::try_from(covered.len()).unwrap_or(u32::MAX));
    let (from, to) = (from.clamp(0.0, width), to.clamp(0.0, width));
    for (pixel, share) in covered.iter_mut().enumerate().take(to.ceil() as usize).skip(from as usize) {
        let left = f64::from(u32::try_from(pixel).unwrap_or(u32::MAX));
        *share += (to.min(left + 1.0) - from.max(left)).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pixel_is_half_as_dark() {
        let mut canvas = Canvas::new(3, 1, [0, 0, 0]);
        canvas.fill(&[(0.5, 0.0), (2.0, 0.0), (2.0, 1.0), (0.5, 1.0)], [200, 100, 0]);
        assert_eq!(canvas.pixels, [[100, 50, 0], [200, 100, 0], [0, 0, 0]]);
        // Beyond the edge of the picture nothing is painted, and nothing breaks.
        canvas.fill(&[(-9.0, -9.0), (99.0, -9.0), (99.0, -5.0)], [1, 1, 1]);
        canvas.fill(&[], [1, 1, 1]);
        assert_eq!(canvas.pixels[2], [0, 0, 0]);
    }

    #[test]
    fn the_file_is_a_png() {
        let bytes = Canvas::new(2, 2, [9, 9, 9]).encode();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&bytes[bytes.len() - 4..], [0xae, 0x42, 0x60, 0x82], "the checksum of the last chunk is known");
    }
}
