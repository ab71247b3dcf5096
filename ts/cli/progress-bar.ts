/** A bar with an estimate of what is left, on stderr; without a terminal a plain line now and then. */
import cliProgress from "cli-progress";

const BAR = "{name} [{bar}] {value}/{total}, {detail}";
/** Without a terminal a line comes this often. */
const LINE_EVERY_MS = 10_000;

export interface BarState {
  readonly done: number;
  readonly total: number;
  /** Rate, time left, phase. */
  readonly detail: string;
}

export class ProgressBar {
  readonly #bar: cliProgress.SingleBar;
  readonly #name: string;
  #isStarted = false;

  constructor(name: string) {
    this.#name = name;
    this.#bar = new cliProgress.SingleBar({
      format: BAR,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: LINE_EVERY_MS,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 30,
      barCompleteChar: "=",
      barIncompleteChar: " ",
    });
  }

  update({ detail, done, total }: BarState): void {
    const payload = { name: this.#name, detail };
    if (this.#isStarted) {
      this.#bar.setTotal(total);
      this.#bar.update(done, payload);
    } else this.#bar.start(total, done, payload);
    this.#isStarted = true;
  }

  /** Takes the bar away. */
  stop(): void {
    if (this.#isStarted) this.#bar.stop();
    this.#isStarted = false;
  }
}
