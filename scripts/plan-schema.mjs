// Writes schema/plan.schema.json from the zod schema. Run it after a build: npm run schema.
import { mkdirSync, writeFileSync } from "node:fs";
import { planJsonSchema } from "../dist/ts/sweep/plan-schema.js";

mkdirSync(new URL("../schema/", import.meta.url), { recursive: true });
const file = new URL("../schema/plan.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(planJsonSchema(), null, 2)}\n`);
