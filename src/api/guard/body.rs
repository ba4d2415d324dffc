//! Bodies of requests: read whole, within a size, a time and a depth, before anybody makes sense of them.

use std::time::Duration;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Bytes};

use crate::api::problem::Problem;

/// Deepest nesting of a JSON body; nothing that is ordered here has more than six levels.
const DEPTH_MAX: usize = 32;

/// Reads the body, and puts it back for the route.
pub(super) async fn read(request: &mut ServiceRequest, bytes_max: usize, wait: Duration) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body has more than {bytes_max} bytes; send less");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).hanging_up()
    };
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|said| usize::try_from(said).map_or(true, |said| said > bytes_max)) {
        return Err(too_large());
    }
    let payload = request.extract::<web::Payload>().await.map_err(|_| Problem::bad("the body cannot be read"))?;
    let whole = tokio::time::timeout(wait, payload.to_bytes_limited(bytes_max)).await.map_err(|_| {
        let detail = format!("the body did not come within {} s; send it at once", wait.as_secs_f32());
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail).hanging_up()
    })?;
    let whole = whole.map_err(|_| too_large())?.map_err(|_| Problem::bad("the body broke off").hanging_up())?;
    if is_too_deep(&whole) {
        return Err(Problem::bad(format!("the JSON is nested deeper than {DEPTH_MAX} levels; write it flatter")));
    }
    request.set_payload(Payload::from(whole.clone()));
    Ok(whole)
}

/// Whether what may be JSON is nested too deeply; brackets in texts do not count.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_and_brackets_in_texts_do_not() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_too_deep(nested(DEPTH_MAX).as_bytes()));
        assert!(is_too_deep(nested(DEPTH_MAX + 1).as_bytes()));
        assert!(is_too_deep("{\"a\":".repeat(DEPTH_MAX + 1).as_bytes()));
        assert!(!is_too_deep(format!("[\"{}\"]", "[".repeat(1_000)).as_bytes()));
        assert!(!is_too_deep(format!("[\"\\\"{}\"]", "[".repeat(1_000)).as_bytes()));
        assert!(is_too_deep(format!("[\"\\\\\",{}", "[".repeat(DEPTH_MAX)).as_bytes()));
        assert!(!is_too_deep(nested(2).repeat(1_000).as_bytes()));
        assert!(!is_too_deep(b"]]]]"));
    }
}
