/** A level-triggered interrupt line: `true` asserts it, `false` releases it. Idempotent. */
export type IrqLine = (level: boolean) => void;
