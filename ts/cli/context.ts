/** What every subcommand is given, and how its module looks. */
import type { Command } from "commander";
import type { Output } from "./output.ts";

/** Options as written on the command line; each command reads those that it has. */
export type Options = { readonly [Name in OptionName]?: unknown };

type OptionName =
  | "append"
  | "backing"
  | "backingFormat"
  | "bandwidth"
  | "bare"
  | "channels"
  | "checkpoint"
  | "clock"
  | "clusterSize"
  | "codeCache"
  | "compat"
  | "compress"
  | "cpus"
  | "days"
  | "disk"
  | "share"
  | "net"
  | "loss"
  | "lanListen"
  | "lanPeer"
  | "lanGateway"
  | "downtime"
  | "dryRun"
  | "dtb"
  | "duration"
  | "engine"
  | "font"
  | "for"
  | "format"
  | "from"
  | "host"
  | "idle"
  | "image"
  | "initCa"
  | "initrd"
  | "interval"
  | "job"
  | "json"
  | "kernel"
  | "latency"
  | "listen"
  | "live"
  | "lock"
  | "maxIncoming"
  | "maxOutgoing"
  | "memory"
  | "mips"
  | "mirror"
  | "name"
  | "newToken"
  | "onLimit"
  | "onTargetLost"
  | "out"
  | "pages"
  | "parallel"
  | "peer"
  | "planner"
  | "plannerTimeout"
  | "png"
  | "policy"
  | "priority"
  | "recoveryTimeout"
  | "redis"
  | "refcountBits"
  | "refresh"
  | "report"
  | "resume"
  | "ro"
  | "rounds"
  | "seed"
  | "settle"
  | "readOnly"
  | "share"
  | "sharePages"
  | "chunk"
  | "full"
  | "layout"
  | "size"
  | "signature"
  | "slowdown"
  | "snapshot"
  | "sourceTimeout"
  | "start"
  | "stats"
  | "strategy"
  | "suite"
  | "svg"
  | "targetToken"
  | "timeout"
  | "tls"
  | "token"
  | "tokens"
  | "until"
  | "verify"
  | "wait"
  | "workers";

export interface CommandContext {
  /** Positional arguments. */
  readonly args: readonly string[];
  readonly options: Options;
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
