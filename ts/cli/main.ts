#!/usr/bin/env node
/** The `wasmvisor` command. */
import { leaveGarbage } from "./collector.ts";

leaveGarbage(); // Before anything is loaded: once V8 has collected, it waits as long as it meant to.
const { runCli } = await import("./program.ts");
process.exit(await runCli(process.argv));
