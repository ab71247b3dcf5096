// A worker thread in which some scenarios kill: WV_TEST_POISON=INDEX,... and WV_TEST_DEATH=exit|throw|kill|load.
const { WV_TEST_DEATH: death, WV_TEST_POISON: poison = "", WV_TEST_WORKER: worker } = process.env;
const { default: runChunk } = await import(worker);
if (death === "load") throw new Error("it does not load");

export default function runPoisoned(task) {
  const { count, from, poisoned = [] } = task.chunk;
  const deadly = poison
    .split(",")
    .filter((text) => text !== "")
    .map(Number)
    .some((index) => index >= from && index < from + count && !poisoned.includes(index));
  if (!deadly) return runChunk(task);
  if (death === "exit") process.exit(3);
  if (death === "kill") process.kill(process.pid, "SIGKILL");
  setImmediate(() => {
    throw new Error("nobody catches this");
  });
  return new Promise(() => undefined);
}
