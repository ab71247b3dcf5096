/** How many of `count` tries succeed: exact but for the rounding of doubles. */
import { randomUnit } from "./random";

/** Below so many successes on average, counting up to the result is faster. */
const FEW: f64 = 10;

/** Successes of `count` tries that succeed with `chance` each. */
export function binomial(count: u32, chance: f64): u32 {
  if (count == 0 || chance <= 0) return 0;
  if (chance >= 1) return count;
  if (chance > 0.5) return count - binomial(count, 1 - chance);
  if (<f64>count * chance < FEW) return byInversion(count, chance);
  return byRejection(<f64>count, chance);
}

/** Adds up the probabilities of 0, 1, 2, ... until a random number is reached. */
function byInversion(count: u32, chance: f64): u32 {
  const odds = chance / (1 - chance);
  let left = randomUnit();
  let probability = Math.exp(<f64>count * Math.log(1 - chance));
  let successes: u32 = 0;
  // What rounding has left over is below 1e-15, and goes where nothing is any more.
  while (left >= probability && probability > 1e-30 && successes < count) {
    left -= probability;
    probability *= (odds * <f64>(count - successes)) / <f64>(successes + 1);
    successes++;
  }
  return successes;
}

/** Transformed rejection with a squeeze: BTRS of W. Hormann, "The generation of binomial random variates" (1993). */
function byRejection(count: f64, chance: f64): u32 {
  const spread = Math.sqrt(count * chance * (1 - chance));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * chance;
  const centre = count * chance + 0.5;
  const surely = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * spread;
  let k: f64;
  let isTaken = false;
  do {
    const v = randomUnit();
    const u = randomUnit() - 0.5;
    const edge = 0.5 - Math.abs(u);
    k = Math.floor(((2 * a) / edge + b) * u + centre);
    if (edge >= 0.07 && v <= surely) isTaken = true;
    else if (k >= 0 && k <= count)
      isTaken = Math.log((v * alpha) / (a / (edge * edge) + b)) <= logRatio(count, chance, k);
  } while (!isTaken);
  return <u32>k;
}

/** Log of the probability of `k` over that of the likeliest number of successes. */
function logRatio(count: f64, chance: f64, k: f64): f64 {
  const mode = Math.floor((count + 1) * chance);
  const odds = chance / (1 - chance);
  return (
    (mode + 0.5) * Math.log((mode + 1) / (odds * (count - mode + 1))) +
    (count + 1) * Math.log((count - mode + 1) / (count - k + 1)) +
    (k + 0.5) * Math.log((odds * (count - k + 1)) / (k + 1)) +
    stirling(mode) +
    stirling(count - mode) -
    stirling(k) -
    stirling(count - k)
  );
}

/** What Stirling's formula for log(k!) lacks. */
function stirling(k: f64): f64 {
  const n = k + 1;
  const square = n * n;
  if (k > 9) return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / n;
  let sum: f64 = 0;
  for (let i: f64 = 2; i <= k; i++) sum += Math.log(i);
  return sum - (0.91893853320467274 + (k + 0.5) * Math.log(n) - n);
}
