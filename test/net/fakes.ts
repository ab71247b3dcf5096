/** Stations for tests: ends of cables that remember what came. */
import type { Frame, NicPort, NicReceiver } from "../../ts/machine/nic.ts";
import { newFrame, TYPE_IPV4 } from "../../ts/net/ethernet.ts";
import { IPV4_HEADER_BYTES, putIpv4 } from "../../ts/net/ipv4.ts";
import { type SegmentPlan, tcpFrame } from "../../ts/net/tcp.ts";

export class Station implements NicReceiver {
  readonly frames: Uint8Array[] = [];
  flushes = 0;
  readonly #port: NicPort;

  constructor(port: NicPort) {
    this.#port = port;
    port.connect(this);
  }

  receive(frame: Frame): void {
    this.frames.push(frame.bytes);
  }
  flush(): void {
    this.flushes++;
  }
  send(bytes: Uint8Array): void {
    this.#port.send({ bytes });
    this.#port.flush();
  }
  /** What came since the last time. */
  take(): Uint8Array[] {
    return this.frames.splice(0);
  }
}

/** A port with a wire that ends in a list. */
export class FakePort implements NicPort {
  readonly sent: Frame[] = [];
  receiver: NicReceiver | undefined;
  flushes = 0;

  connect(receiver: NicReceiver): void {
    this.receiver = receiver;
  }
  send(frame: Frame): void {
    this.sent.push(frame);
  }
  flush(): void {
    this.flushes++;
  }
  take(): Frame[] {
    return this.sent.splice(0);
  }
}

export const mac = (last: number): number => 0x5254_0000_0000 + last;

/** An IPv4 frame with some payload between two stations. */
export function frameOf(source: number, target: number, payload = 46): Uint8Array {
  const bytes = newFrame({
    source,
    target,
    type: TYPE_IPV4,
    payloadBytes: IPV4_HEADER_BYTES + payload,
  });
  putIpv4(bytes, 14, { source: 1, target: 2, protocol: 99, payloadBytes: payload });
  return bytes;
}

/** A TCP segment between two stations with `data`. */
export function segmentOf(data: Uint8Array, plan: Partial<SegmentPlan> = {}): Frame {
  return tcpFrame(
    { mac: mac(1), ip: 0x0a00_020f },
    { mac: mac(2), ip: 0x0a00_0202 },
    {
      sourcePort: 1000,
      targetPort: 80,
      seq: 1,
      ack: 0,
      flags: 0x18,
      window: 1000,
      dataBytes: data.length,
      fill: (into) => into.set(data),
      segmentBytes: 1460,
      ...plan,
    },
  );
}
