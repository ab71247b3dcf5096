/** The plotting code (`scripts/report-bundle`, built into `dist/assets`): its text, and its SVG half. */
import { existsSync, readFileSync } from "node:fs";
import { Script } from "node:vm";
import { WasmvisorError } from "../../base/errors.ts";

interface ReportBundle {
  svg(spec: object): Promise<string>;
}

function bundleUrl(): URL {
  // From source: the last build's; in the package: beside `dist/ts`.
  const places = ["../../../assets/report.js", "../../../dist/assets/report.js"];
  const urls = places.map((place) => new URL(place, import.meta.url));
  const found = urls.find((url) => existsSync(url));
  if (found) return found;
  throw new WasmvisorError(
    "WV_MISSING",
    "report: dist/assets/report.js is missing; build it with: npm run build",
  );
}

let text: string | undefined;
let bundle: ReportBundle | undefined;

/** JavaScript that defines `WasmvisorReport`, for a page. */
export function bundleText(): string {
  text ??= readFileSync(bundleUrl(), "utf8");
  return text;
}

/** A figure with its data as SVG. */
export function renderSvg(spec: object): Promise<string> {
  bundle ??= new Script(`(() => {${bundleText()}\nreturn WasmvisorReport; })()`, {
    filename: "report.js",
  }).runInThisContext() as ReportBundle;
  return bundle.svg(spec);
}
