// node count.mjs REPORT STATUS: "passed failed skipped" of a vitest JSON report. A file that did not
// load is a failure, and so is a run that failed without saying why.
import { readFileSync } from "node:fs";

const [report, status] = process.argv.slice(2);
let counts = [0, 0, 0];
try {
  const { numFailedTests, numPassedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  const broken = testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((t) => t.status === "failed"),
  );
  counts = [numPassedTests, numFailedTests + broken.length, numPendingTests + numTodoTests];
} catch (error) {
  console.error(`${report}: ${error.message}`);
}
if (status !== "0" && counts[1] === 0) counts[1] = 1;
console.log(counts.join(" "));
