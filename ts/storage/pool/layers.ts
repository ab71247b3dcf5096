/**
 * Maps of volumes and snapshots. Each map is a layer over another: where it says nothing, the one below does. A
 * snapshot freezes the layer of its volume, which goes on in an empty one above: no entry is copied or counted.
 * An extent belongs to one layer.
 */
import type { Plain } from "../../base/codec.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { StateFields } from "../../machine/state-fields.ts";
import { ZEROS } from "./extents.ts";

const ENTRY_BYTES = 12;
export const CHUNKS_MAX = 2 ** 31;

export class Layer {
  readonly id: number;
  below: Layer | undefined;
  /** Where chunks lie; those that are not in it are as below. */
  readonly places = new Map<number, number>();
  /** How many layers stand on it, and whether a volume or snapshot is it. */
  above = 0;
  isNamed = true;

  constructor(id: number, below: Layer | undefined) {
    this.id = id;
    this.below = below;
    if (below) below.above++;
  }

  /** Where a chunk lies, in this layer or below. */
  find(chunk: number): number {
    for (let layer: Layer | undefined = this; layer; layer = layer.below) {
      const place = layer.places.get(chunk);
      if (place !== undefined) return place;
    }
    return ZEROS;
  }

  /** Chunks of which this layer, or one below, says something. */
  chunks(): Set<number> {
    const known = new Set<number>();
    for (let layer: Layer | undefined = this; layer; layer = layer.below)
      for (const chunk of layer.places.keys()) known.add(chunk);
    return known;
  }

  get depth(): number {
    let depth = 1;
    for (let layer = this.below; layer; layer = layer.below) depth++;
    return depth;
  }

  save(): Plain {
    const bytes = new Uint8Array(this.places.size * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const [chunk, place] of this.places) {
      view.setUint32(at, chunk, true);
      view.setFloat64(at + 4, place, true);
      at += ENTRY_BYTES;
    }
    return { id: this.id, below: this.below?.id ?? -1, isNamed: this.isNamed, places: bytes };
  }
}

/** A layer from `save`; those below must be among `known`. */
function restoreLayer(fields: StateFields, known: ReadonlyMap<number, Layer>): Layer {
  const below = fields.finite("below");
  const parent = known.get(below);
  const id = fields.integer("id");
  if ((below >= 0 && !parent) || known.has(id)) throw damaged(`layer ${id}`);
  const layer = new Layer(id, parent);
  layer.isNamed = fields.flag("isNamed");
  const bytes = fields.bytes("places", 2 ** 31);
  if (bytes.length % ENTRY_BYTES !== 0) throw damaged(`layer ${id}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const [chunk, place] = [view.getUint32(at, true), view.getFloat64(at + 4, true)];
    if (chunk >= CHUNKS_MAX || !Number.isSafeInteger(place) || place < 0 || place >= 2 ** 52)
      throw damaged(`layer ${id}, chunk ${chunk}`);
    layer.places.set(chunk, place);
  }
  return layer;
}

export function damaged(what: string): WasmvisorError {
  return new WasmvisorError("WV_DISK", `pool: its metadata is damaged: ${what}`);
}

/** All layers of a pool. */
export class LayerSet {
  readonly byId = new Map<number, Layer>();
  /** Extents that a layer has given up. */
  readonly #release: (place: number) => void;
  #nextId = 0;

  constructor(release: (place: number) => void) {
    this.#release = release;
  }

  add(below: Layer | undefined): Layer {
    const layer = new Layer(this.#nextId++, below);
    this.byId.set(layer.id, layer);
    return layer;
  }

  restore(fields: StateFields): Layer {
    const layer = restoreLayer(fields, this.byId);
    this.byId.set(layer.id, layer);
    this.#nextId = Math.max(this.#nextId, layer.id + 1);
    return layer;
  }

  /** Those below before those above. */
  save(): Plain[] {
    const layers = [...this.byId.values()].sort((a, b) => a.depth - b.depth);
    return layers.map((layer) => layer.save());
  }

  /** No volume is this layer any more: it goes, or becomes one with the only layer above it. */
  drop(layer: Layer): void {
    layer.isNamed = false;
    this.#fold(layer);
  }

  #fold(layer: Layer): void {
    if (layer.isNamed || layer.above > 1) return;
    const { below } = layer;
    if (layer.above === 0) {
      for (const place of layer.places.values()) this.#release(place);
      if (below) below.above--;
    } else this.#inherit(layer);
    this.byId.delete(layer.id);
    if (below) this.#fold(below);
  }

  #inherit(layer: Layer): void {
    const heir = [...this.byId.values()].find((one) => one.below === layer) as Layer;
    for (const [chunk, place] of layer.places)
      if (heir.places.has(chunk)) this.#release(place);
      else heir.places.set(chunk, place);
    heir.below = layer.below;
  }

  *places(): Generator<number> {
    for (const { places } of this.byId.values()) yield* places.values();
  }
}
