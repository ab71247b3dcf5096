import { WasmvisorError } from "../base/errors.ts";

const U32_MAX = 0xffff_ffff;

/**
 * Takes a saved state apart, one checked field at a time. Every method throws `WV_BAD_SNAPSHOT`
 * naming the field when it is missing or not what was asked for.
 */
export class StateFields {
  readonly #path: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** `path` names the state in messages, for instance `uart`. */
  constructor(path: string, state: unknown) {
    if (typeof state !== "object" || state === null || Array.isArray(state))
      throw badState(path, "an object", state);
    this.#path = path;
    this.#fields = state as Readonly<Record<string, unknown>>;
  }

  /** An integer from 0 to `max`. */
  integer(name: string, max: number = U32_MAX): number {
    return this.#checked(name, this.#fields[name], max);
  }

  /** Any number that is neither infinite nor NaN. */
  finite(name: string): number {
    const value = this.#fields[name];
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw badState(`${this.#path}.${name}`, "a finite number", value);
  }

  /** True or false. */
  flag(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value === "boolean") return value;
    throw badState(`${this.#path}.${name}`, "true or false", value);
  }

  /** Text, for instance the name of the device that saved the state. */
  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value === "string") return value;
    throw badState(`${this.#path}.${name}`, "a string", value);
  }

  /** `count` integers from 0 to `max`. */
  integers(name: string, count: number, max: number = U32_MAX): number[] {
    return this.#list(name, count).map((value, i) => this.#checked(`${name}[${i}]`, value, max));
  }

  /** A copy of at most `bytesMax` bytes. */
  bytes(name: string, bytesMax: number): Uint8Array {
    const value = this.#fields[name];
    if (value instanceof Uint8Array && value.length <= bytesMax) return value.slice();
    throw badState(`${this.#path}.${name}`, `at most ${bytesMax} bytes`, value);
  }

  /** A state inside of this one. */
  object(name: string): StateFields {
    return new StateFields(`${this.#path}.${name}`, this.#fields[name]);
  }

  /** `count` states inside of this one. */
  objects(name: string, count: number): StateFields[] {
    return this.#list(name, count).map(
      (value, i) => new StateFields(`${this.#path}.${name}[${i}]`, value),
    );
  }

  /** All entries of a list of at most `countMax` states. */
  objectsUpTo(name: string, countMax: number): StateFields[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.length > countMax)
      throw badState(`${this.#path}.${name}`, `at most ${countMax} entries`, value);
    return this.objects(name, value.length);
  }

  /** A field whose own `restore` does the checking. */
  raw(name: string): unknown {
    return this.#fields[name];
  }

  #list(name: string, count: number): unknown[] {
    const value = this.#fields[name];
    if (Array.isArray(value) && value.length === count) return value;
    throw badState(`${this.#path}.${name}`, `${count} entries`, value);
  }

  #checked(name: string, value: unknown, max: number): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max)
      return value;
    throw badState(`${this.#path}.${name}`, `an integer from 0 to ${max}`, value);
  }
}

/** The error for a field that does not fit. */
export function badState(field: string, expected: string, got: unknown): WasmvisorError {
  return new WasmvisorError(
    "WV_BAD_SNAPSHOT",
    `saved state: "${field}" expected ${expected}, got ${describe(got)}; restore it with the version and configuration that saved it`,
  );
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `${value.length} entries`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value).slice(0, 40);
}
