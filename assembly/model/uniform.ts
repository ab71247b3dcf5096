/** Writes to pages of which each is as likely as another. */
import { markPage } from "./bitset";
import { isCrowd, isFull, writeCrowd } from "./crowd";
import { BUFFER_WORDS, Random, randomWords } from "./random";

/** Where so many writes go to a page, on average, all pages may be in the log before all are drawn. */
const FILLING: u32 = 4;

/** `count` writes to random pages from `base` on. */
export function writeUniform(log: usize, base: u32, pages: u32, count: u32): void {
  const fills = count / FILLING > pages;
  if (fills && isFull(log, base, pages)) return;
  if (isCrowd(pages, count)) count -= writeCrowd(log, base, pages, count);
  const wordsMax = fills ? min(BUFFER_WORDS, max<u32>(64, pages << 1)) : BUFFER_WORDS;
  while (count > 0) {
    const words = min(count, wordsMax);
    const from = randomWords(words);
    for (let at = from; at < from + (words << 2); at += 4)
      markPage(log, base + Random.scale(load<u32>(at), pages));
    count -= words;
    if (fills && isFull(log, base, pages)) return;
  }
}
