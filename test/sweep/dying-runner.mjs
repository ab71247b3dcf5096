// A guest runner that takes its whole thread with it.
export function createGuestScenarioRunner() {
  return { run: () => process.exit(3) };
}
