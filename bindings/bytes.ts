/** Where the core's Wasm comes from: beside this file, on disk or on a web server, or from the caller. */

/** What `Host.create` takes instead of the core that comes with the package. */
export type CoreSource = BufferSource | WebAssembly.Module;

let compiled: Promise<WebAssembly.Module> | undefined;

async function readBytes(url: URL): Promise<BufferSource> {
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) throw new TypeError(`${url.pathname}: HTTP status ${response.status}`);
  return response.arrayBuffer();
}

/** The compiled core: compiled once in a process (or page), shared by all hosts. */
export function compileCore(source?: CoreSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return Promise.resolve(source);
  if (source) return WebAssembly.compile(source);
  compiled ??= readBytes(new URL("../build/core.wasm", import.meta.url)).then((bytes) =>
    WebAssembly.compile(bytes),
  );
  return compiled;
}
