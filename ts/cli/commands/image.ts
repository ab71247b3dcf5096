/** `wasmvisor image pull|ls|rm`. */
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize } from "../../base/units.ts";
import { type PullProgress, pullDebian } from "../../image/debian.ts";
import { listImages, removeImage } from "../../image/store.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import * as parse from "../options.ts";
import { columns } from "../output.ts";

export async function pull({ args, options, out }: CommandContext): Promise<number> {
  const name = args[0] ?? "debian";
  if (name !== "debian")
    throw new WasmvisorError("WV_CONFIG", `image pull: expected debian, got "${name}"`);
  const image = await pullDebian({
    mirror: parse.text(options.mirror),
    suite: parse.text(options.suite),
    refresh: options.refresh ? "always" : "cached",
    signal: interruptSignal(),
    onProgress: (progress) => out.progress(progressLine(progress)),
    log: (line) => {
      out.progressDone();
      out.log(line);
    },
  });
  out.progressDone();
  out.result(image, () => image.name);
  return EXIT_DONE;
}

function progressLine({ phase, done, total }: PullProgress): string {
  if (phase !== "download") return `image pull: ${phase} ${done}/${total}`;
  return `image pull: ${phase} ${formatSize(done, 1)} of ${formatSize(total, 1)}`;
}

export async function list({ out }: CommandContext): Promise<number> {
  const images = await listImages();
  out.result(images, () =>
    images.length === 0
      ? "no images; get one with: wasmvisor image pull"
      : columns(
          ["NAME", "SUITE", "KERNEL", "INITRD", "PROGRAMS"],
          images.map((one) => [
            one.name,
            one.suite,
            formatSize(one.kernel.bytes, 1),
            formatSize(one.initrd.bytes, 1),
            one.programs.join(" "),
          ]),
        ),
  );
  return EXIT_DONE;
}

export async function remove({ args, out }: CommandContext): Promise<number> {
  const name = await removeImage(args[0] as string);
  out.result({ removed: name }, () => `removed ${name}`);
  return EXIT_DONE;
}
