// Stands for the runner of real guests: a measurement that is a function of the scenario.
export function createGuestScenarioRunner() {
  return {
    async run(scenario) {
      if (scenario.dirtyRate === 666) throw new Error("this guest does not boot");
      return {
        state: "completed",
        error: "",
        total_time_ms: scenario.seed % 1000,
        downtime_ms: 1,
        gap_ms: 1,
        setup_time_ms: 0,
        transferred_bytes: scenario.memoryBytes,
        normal_pages: 1,
        duplicate_pages: 0,
        dirty_sync_count: 2,
        postcopy_requests: 0,
        remaining_bytes: 0,
        dirty_pages_rate: 0,
        mbps: 1,
      };
    },
  };
}
