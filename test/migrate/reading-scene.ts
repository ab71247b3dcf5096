/** A guest that reads the same pages all the time, wherever it runs, and writes some of them. */
import { Scene, type SceneOptions } from "./scene.ts";

export const PAGES = 200;
/** Pages that the guest reads each millisecond, and of these the ones that it also writes. */
export const READS = [3, 20, 21, 22, 90, 91, 150, 199];
export const WRITES = [90, 199];

/** A guest that is as it was described, wherever it runs, and writes elsewhere now and then. */
export function readingScene(more: SceneOptions = {}): Scene {
  const scene: Scene = new Scene({
    seed: 5,
    pages: PAGES,
    writesPerMs: 0,
    bytesPerSec: 40e6,
    tellsReads: true,
    ...more,
    source: { strategy: "post-copy", drain: "before-switch", readPages: "first", ...more.source },
  });
  const { clock, reference } = scene;
  let turn = 0;
  function live(): void {
    const guest = [scene.source, scene.target].find((one) => one.isRunning);
    if (guest) {
      const gfn = READS[turn++ % READS.length] as number;
      guest.read(gfn);
      const at = gfn * 4096 + 9;
      const done = (): void => {
        reference[at] = turn & 255;
      };
      if (WRITES.includes(gfn)) guest.write(at, turn & 255, done);
    }
    if (!scene.result) clock.after(200_000, live);
  }
  live();
  return scene;
}
