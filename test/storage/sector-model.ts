/** What a disk may hold after a crash: what was flushed, or, of sectors written since, any of what was written. */
const SECTOR_BYTES = 512;

export interface Model {
  now: Uint8Array;
  /** As of the last flush. */
  safe: Uint8Array;
  /** What was written to sectors since. */
  readonly loose: Map<number, Uint8Array[]>;
}

export function newModel(bytes: number): Model {
  return { now: new Uint8Array(bytes), safe: new Uint8Array(bytes), loose: new Map() };
}

export function settleModel(model: Model): void {
  model.safe = model.now.slice();
  model.loose.clear();
}

export function noteWrite(model: Model, offset: number, bytes: Uint8Array): void {
  model.now.set(bytes, offset);
  for (let at = offset; at < offset + bytes.length; at += SECTOR_BYTES) noteLoose(model, at);
}

/** The sector at `at` is now as it was never flushed. */
export function noteLoose(model: Model, at: number): void {
  const known = model.loose.get(at) ?? [];
  known.push(model.now.slice(at, at + SECTOR_BYTES));
  model.loose.set(at, known);
}

export function isSameSector(a: Uint8Array, b: Uint8Array, at: number): boolean {
  return Buffer.compare(a.subarray(at, at + SECTOR_BYTES), b.subarray(at, at + SECTOR_BYTES)) === 0;
}

/** Throws if something is lost, or there that was never written. */
export function compareToModel(what: string, found: Uint8Array, model: Model): void {
  for (let at = 0; at < found.length; at += SECTOR_BYTES) {
    if (isSameSector(found, model.safe, at)) continue;
    const sector = found.subarray(at, at + SECTOR_BYTES);
    const written = model.loose.get(at);
    if (!written) throw new Error(`${what}: lost what was flushed at ${at}`);
    if (!written.some((one) => Buffer.compare(one, sector) === 0))
      throw new Error(`${what}: at ${at} there is what was never written there`);
  }
}
