// Writes schema/*.json from the zod schemas. Run it after a build: npm run schema.
import { mkdirSync, writeFileSync } from "node:fs";
import { centreJsonSchema } from "../dist/ts/centre/centre-schema.js";
import { planJsonSchema } from "../dist/ts/sweep/plan-schema.js";

mkdirSync(new URL("../schema/", import.meta.url), { recursive: true });
for (const [name, schema] of [
  ["plan", planJsonSchema()],
  ["centre", centreJsonSchema()],
]) {
  const file = new URL(`../schema/${name}.schema.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
}
