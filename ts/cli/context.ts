/** What every subcommand is given, and how its module looks. */
import type { Command } from "commander";
import type { Output } from "./output.ts";

export interface CommandContext {
  /** Positional arguments. */
  readonly args: readonly string[];
  /** Options as written on the command line. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly out: Output;
}

/** Does the work; resolves with the exit status. */
export type Execute = (context: CommandContext) => Promise<number>;

/** Adds a subcommand; `load` imports what it does when it is called. */
export type AddCommand = (
  usage: string,
  description: string,
  load: () => Promise<Execute>,
) => Command;
