/**
 * A copy of `parts`, one behind the other. In `room` if that is given: as much of it as it takes, or, if it is too
 * small, of more than is needed, as the next ones may take more.
 */
export function joinParts(parts: readonly Uint8Array[], room?: ArrayBuffer): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = room ? within(room, length) : new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function within(room: ArrayBuffer, length: number): Uint8Array {
  const large = length <= room.byteLength ? room : new ArrayBuffer(Math.ceil(length * 1.125));
  return new Uint8Array(large, 0, length);
}
