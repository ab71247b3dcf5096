/** SVG to PNG without a browser: resvg in Wasm, loaded only when somebody wants a PNG. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";

/** Pixels of the picture for each of the figure: sharp in print at a column's width. */
const SCALE = 2;

/** Where systems keep fonts, and which of them we take, the nearest to what the page has first. */
const FONT_FOLDERS = [
  "/usr/share/fonts",
  "/usr/local/share/fonts",
  join(homedir(), ".local/share/fonts"),
  join(homedir(), ".fonts"),
  "/System/Library/Fonts",
  "/Library/Fonts",
  "C:\\Windows\\Fonts",
];
const FONT_NAMES =
  /^(LiberationSans-(Regular|Bold)|Arial|arial|Helvetica|NotoSans-(Regular|Bold)|DejaVuSans(-Bold)?)\.(ttf|otf|ttc)$/;
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^Liberation/, "Liberation Sans"],
  [/^Arial$|^arial/i, "Arial"],
  [/^NotoSans/, "Noto Sans"],
  [/^DejaVu/, "DejaVu Sans"],
  [/^Helvetica/, "Helvetica"],
];

function systemFonts(): readonly { readonly path: string; readonly name: string }[] {
  return FONT_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((path) => {
      const name = path.split(/[\\/]/).at(-1) as string;
      return FONT_NAMES.test(name) ? [{ path: join(folder, path), name }] : [];
    }),
  );
}

interface Fonts {
  readonly fontBuffers: Uint8Array[];
  readonly defaultFontFamily?: string;
  readonly sansSerifFamily?: string;
}

function fontsFrom(file: string | undefined): Fonts {
  if (file !== undefined) {
    try {
      return { fontBuffers: [new Uint8Array(readFileSync(file))] };
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code;
      throw new WasmvisorError(
        "WV_CONFIG",
        `--font: cannot read "${file}" (${why}); check the path`,
        {
          cause,
        },
      );
    }
  }
  const found = systemFonts();
  for (const [pattern, family] of FAMILIES) {
    const own = found.filter(({ name }) => pattern.test(name));
    if (own.length === 0) continue;
    const fontBuffers = own.map(({ path }) => new Uint8Array(readFileSync(path)));
    return { fontBuffers, defaultFontFamily: family, sansSerifFamily: family };
  }
  throw new WasmvisorError(
    "WV_MISSING",
    "report --png: no font for its words is on this machine; name a TrueType file with --font FILE, " +
      "or install one: apt install fonts-dejavu-core",
  );
}

type Resvg = typeof import("@resvg/resvg-wasm");
let loaded: Promise<Resvg> | undefined;

async function loadResvg(): Promise<Resvg> {
  try {
    const resvg = await import("@resvg/resvg-wasm");
    const wasm = createRequire(import.meta.url).resolve("@resvg/resvg-wasm/index_bg.wasm");
    await resvg.initWasm(readFileSync(wasm));
    return resvg;
  } catch (cause) {
    loaded = undefined;
    throw new WasmvisorError(
      "WV_MISSING",
      "report --png: the package @resvg/resvg-wasm is missing; install it with: npm install @resvg/resvg-wasm",
      { cause },
    );
  }
}

/** Makes PNG of SVG text. Throws `WV_MISSING` without resvg or a font. */
export async function rasterizer(font?: string): Promise<(svg: string) => Uint8Array> {
  loaded ??= loadResvg();
  const { Resvg } = await loaded;
  const fonts = fontsFrom(font);
  return (svg) => {
    const image = new Resvg(svg, {
      background: "white",
      fitTo: { mode: "zoom", value: SCALE },
      font: fonts,
    });
    try {
      return image.render().asPng();
    } finally {
      image.free();
    }
  };
}
