/** `wasmvisor vpn`: keys of hosts in an encrypted network. Private ones go to files, and are never shown. */
import { resolve } from "node:path";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";

export async function genkey({ args, out }: CommandContext): Promise<number> {
  const file = resolve(String(args[0]));
  const { writeNewKey } = await import("../../host/networks/vpn-config.ts");
  const publicKey = writeNewKey(file);
  out.result({ file, publicKey }, () => publicKey);
  return EXIT_DONE;
}

export async function pubkey({ args, out }: CommandContext): Promise<number> {
  const file = resolve(String(args[0]));
  const { publicKeyIn } = await import("../../host/networks/vpn-config.ts");
  const publicKey = publicKeyIn(file);
  out.result({ file, publicKey }, () => publicKey);
  return EXIT_DONE;
}

export async function genpsk({ args, out }: CommandContext): Promise<number> {
  const file = resolve(String(args[0]));
  const { writeNewPresharedKey } = await import("../../host/networks/vpn-config.ts");
  writeNewPresharedKey(file);
  out.result({ file }, () => `${file}: a key for two hosts to share; carry it to the other one`);
  return EXIT_DONE;
}
