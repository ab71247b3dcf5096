/** What a pool knows of a volume, apart from the disk that it is for others. */
import type { Layer } from "./layers.ts";

/** How chunks are laid onto devices. */
export type VolumeLayout = "linear" | "striped" | "mirrored";

const LAYOUTS: readonly string[] = ["linear", "striped", "mirrored"] satisfies VolumeLayout[];

export const isLayout = (text: string): text is VolumeLayout => LAYOUTS.includes(text);

export interface VolumeState {
  readonly name: string;
  readonly layout: VolumeLayout;
  /** It is a snapshot. */
  readonly readOnly: boolean;
  bytes: number;
  /** Its map. */
  layer: Layer;
}
