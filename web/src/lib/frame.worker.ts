// The decoder in a thread of its own: messages come in, arrays by slot go out. Arrays that were drawn come back to be filled again.

import { FRAME, FrameDecoder, ROADS, readRoads, type Arrays, type Frame } from './frame';

export type ToWorker =
  | { do: 'message'; data: ArrayBuffer }
  | { do: 'back'; arrays: Arrays }
  | { do: 'forget'; epoch: number };

export type FromWorker =
  | { did: 'frame'; frame: Frame; bytes: number; epoch: number; decode_ms: number }
  | { did: 'roads'; flow: Uint8Array }
  | { did: 'lost'; why: string };

const decoder = new FrameDecoder();
const spare: Arrays[] = [];
let epoch = 0;
/** After a frame that was not understood everything is left out until a new subscription. */
let lost = false;

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  (self as unknown as Worker).postMessage(message, transfer);
}

self.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  if (message.do === 'back') {
    if (spare.length < 3) spare.push(message.arrays);
    return;
  }
  if (message.do === 'forget') {
    decoder.forget();
    epoch = message.epoch;
    lost = false;
    return;
  }
  try {
    const type = new Uint8Array(message.data, 0, Math.min(1, message.data.byteLength))[0];
    if (type === FRAME) {
      if (lost) return;
      const begun = performance.now();
      const frame = decoder.apply(message.data, spare.pop());
      const { x, y, heading, speed_q, kind, id, fresh } = frame;
      tell(
        { did: 'frame', frame, bytes: message.data.byteLength, epoch, decode_ms: performance.now() - begun },
        [x, y, heading, speed_q, kind, id, fresh].map((array) => array.buffer as ArrayBuffer),
      );
    } else if (type === ROADS) {
      const flow = readRoads(message.data);
      tell({ did: 'roads', flow }, [flow.buffer as ArrayBuffer]);
    }
  } catch (error) {
    lost = true;
    tell({ did: 'lost', why: error instanceof Error ? error.message : String(error) });
  }
};
