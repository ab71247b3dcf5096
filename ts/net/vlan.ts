/** 802.1Q on a port of a switch: what a frame that comes in belongs to, and what it looks like when it leaves. */
import type { Frame } from "../machine/nic.ts";
import { hasCutTag, tagged, tagOf, untagged } from "./ethernet.ts";

export const DEFAULT_VLAN = 1;
export const VLAN_MAX = 4094;
const VLAN_BITS = 0x0fff;

/** `access`: one VLAN, no tags. `trunk`: many, tagged but for the native one. */
export type PortVlans =
  | { readonly mode: "access"; readonly vlan: number }
  | {
      readonly mode: "trunk";
      /** VLAN of frames without a tag; undefined: there are none. */
      readonly native?: number | undefined;
      /** VLANs that may pass; undefined: all. */
      readonly allowed?: ReadonlySet<number> | undefined;
    };

/** A frame without its tag, and what that said. */
export interface VlanFrame {
  readonly frame: Frame;
  readonly vlan: number;
  /** Priority and eligibility, the upper four bits of the tag. */
  readonly priority: number;
}

export const isVlan = (vlan: number): boolean =>
  Number.isInteger(vlan) && vlan >= 1 && vlan <= VLAN_MAX;

/** What comes in through a port; undefined: it may not. */
export function ingress(frame: Frame, port: PortVlans): VlanFrame | undefined {
  const tag = tagOf(frame.bytes);
  if (tag === undefined) {
    if (hasCutTag(frame.bytes)) return undefined;
    const vlan = port.mode === "access" ? port.vlan : port.native;
    return vlan === undefined ? undefined : { frame, vlan, priority: 0 };
  }
  const priority = tag & ~VLAN_BITS;
  const own = port.mode === "access" ? port.vlan : port.native;
  const vlan = (tag & VLAN_BITS) === 0 ? own : tag & VLAN_BITS; // VLAN 0 says only how urgent it is.
  if (vlan === undefined || !isVlan(vlan) || !carries(port, vlan)) return undefined;
  if (port.mode === "access" && (tag & VLAN_BITS) !== 0) return undefined;
  return { frame: untagged(frame), vlan, priority };
}

/** Does the port have this VLAN? */
export function carries(port: PortVlans, vlan: number): boolean {
  if (port.mode === "access") return port.vlan === vlan;
  return port.native === vlan || port.allowed === undefined || port.allowed.has(vlan);
}

/** How the frame leaves through a port that carries its VLAN. */
export function egress({ frame, priority, vlan }: VlanFrame, port: PortVlans): Frame {
  return port.mode === "access" || port.native === vlan ? frame : tagged(frame, priority | vlan);
}
