/** Lets whatever else waits in this thread's event loop have its turn; then `action` runs. */
export function nextTurn(action: () => void): void {
  if (typeof setImmediate === "function") {
    setImmediate(action);
    return;
  }
  // Browsers clamp nested timeouts to 4 ms; a message is not clamped.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    action();
  };
  port2.postMessage(undefined);
}

/** Settles when whatever else waited has had its turn. */
export function turnPassed(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}
