#!/usr/bin/env node
/** The `wasmvisor` command. */
import { runCli } from "./program.ts";

process.exit(await runCli(process.argv));
