/** `wasmvisor run` with Debian in it, which keeps a journal on its disk and says what it has been told is safe. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "../host/daemon-process.ts";
import { PROMPT, WAIT_MS } from "./debian-guest.ts";

const CLI = join(ROOT, "dist/ts/cli/main.js");
/** What a shell says to a terminal before it reads a line. */
const ASKS_FOR_CURSOR = "\x1b[6n";
/** Lines of one record. */
const LINES = 400;

export class JournalGuest {
  readonly #child: ChildProcess;
  text = "";

  private constructor(disk: string) {
    const args = ["run", "--image", "debian", "--memory", "192MiB", "--disk", disk];
    this.#child = spawn(process.execPath, [CLI, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("latin1").on("data", (part: string) => {
        this.text = (this.text + part).replaceAll(ASKS_FOR_CURSOR, "");
      });
  }

  static async boot(disk: string): Promise<JournalGuest> {
    const guest = new JournalGuest(disk);
    await guest.expect(PROMPT, 0);
    return guest;
  }

  /** Waits for it in what was printed from `from` on. */
  async expect(pattern: RegExp, from: number): Promise<string> {
    const untilMs = performance.now() + WAIT_MS;
    for (;;) {
      const found = pattern.exec(this.text.slice(from));
      if (found) return found[0];
      const isOver = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (isOver || performance.now() > untilMs)
        throw new Error(`no ${pattern} in ${this.text.slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What a command prints. */
  async say(command: string): Promise<string> {
    const from = this.text.length;
    this.#child.stdin?.write(`${command}; echo do''ne $?\n`);
    return this.expect(/[\s\S]*\ndone \d+\r?\n/, from);
  }

  /** Records from `first` on, each fsynced, and a line of a log, fsynced, too; then its number is printed. */
  startJournal(first: number): void {
    const record = `seq $i $((i+${LINES})) | dd of=/mnt/j/$i conv=fsync 2>/dev/null`;
    const line = `echo $i | dd of=/mnt/j/log${first} oflag=append conv=notrunc,fsync 2>/dev/null`;
    const loop = `while ${record} && ${line}; do echo "safe $i."; i=$((i+1)); done`;
    this.#child.stdin?.write(`mkdir -p /mnt/j; i=${first}; ${loop}\n`);
  }

  /** Numbers that were printed: their records must be there whatever happens. */
  get safe(): number[] {
    return [...this.text.matchAll(/\nsafe (\d+)\./g)].map(([, number]) => Number(number));
  }

  /** What is wrong with records of before, in the guest's own words; "" if nothing is. */
  async wrong(rounds: readonly (readonly number[])[]): Promise<string> {
    const found = await this.say("grep -o '/mnt ext4 [a-z]*' /proc/mounts");
    if (!found.includes("/mnt ext4 rw")) return `not mounted for writing: ${found}`;
    for (const numbers of rounds) {
      const [first, last] = [numbers[0] ?? 0, numbers.at(-1) ?? -1];
      const compare = `seq $i $((i+${LINES})) | cmp - /mnt/j/$i 2>&1`;
      const records = `for i in $(seq ${first} ${last}); do ${compare}; done`;
      const log = `seq ${first} ${last} >/tmp/w; head -n ${numbers.length} /mnt/j/log${first} | cmp - /tmp/w 2>&1`;
      const said = await this.say(`${records}; ${log}`);
      const problems = said.split(/\r?\n/).filter((one) => /cmp: |differ|EOF/.test(one));
      const isEcho = (one: string): boolean => one.includes("done; seq");
      const real = problems.filter((one) => !isEcho(one));
      if (real.length > 0) return real.join("\n");
    }
    return "";
  }

  async kill(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
  }

  /** In order: nothing is under way when it ends. */
  async powerOff(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.stdin?.write("cd /; umount /mnt; poweroff -f\n");
    await closed;
  }
}
