/** What can run an ELF. The only thing that both sides of the comparison have in common. */
export interface Machine {
  readonly name: string;
  /** Runs `elf` until it powers off. Resolves with what the UART sent until then. */
  run(elf: Uint8Array): Promise<Uint8Array>;
}

/** The guest did not come to its end; `output` is what it had sent. */
export class RunError extends Error {
  override readonly name = "RunError";
  readonly output: Uint8Array;

  constructor(message: string, output: Uint8Array) {
    super(message);
    this.output = output;
  }
}
