/** Makes small ELF files for tests. */
export interface MadeSegment {
  readonly gpa: number;
  readonly gva?: bigint;
  readonly content: Uint8Array;
  readonly memBytes?: number;
  readonly type?: number;
}

export interface MadeElf {
  readonly entry: number | bigint;
  readonly segments: readonly MadeSegment[];
  readonly symbols?: Readonly<Record<string, bigint>>;
}

export function makeElf({ entry, segments, symbols = {} }: MadeElf): Uint8Array {
  const names = Object.keys(symbols);
  const strings = new TextEncoder().encode(`\0${names.join("\0")}\0`);
  const contentAt = 64 + 56 * segments.length;
  const symbolsAt = contentAt + segments.reduce((sum, { content }) => sum + content.length, 0);
  const stringsAt = symbolsAt + 24 * (names.length + 1);
  const sectionsAt = stringsAt + strings.length;
  const file = new Uint8Array(sectionsAt + 3 * 64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setBigUint64(40, BigInt(sectionsAt), true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 3, true);
  let at = contentAt;
  for (const [i, segment] of segments.entries()) {
    const header = 64 + 56 * i;
    view.setUint32(header, segment.type ?? 1, true);
    view.setBigUint64(header + 8, BigInt(at), true);
    view.setBigUint64(header + 16, segment.gva ?? BigInt(segment.gpa), true);
    view.setBigUint64(header + 24, BigInt(segment.gpa), true);
    view.setBigUint64(header + 32, BigInt(segment.content.length), true);
    view.setBigUint64(header + 40, BigInt(segment.memBytes ?? segment.content.length), true);
    file.set(segment.content, at);
    at += segment.content.length;
  }
  file.set(strings, stringsAt);
  let nameAt = 1;
  for (const [i, name] of names.entries()) {
    view.setUint32(symbolsAt + 24 * (i + 1), nameAt, true);
    view.setBigUint64(symbolsAt + 24 * (i + 1) + 8, symbols[name] ?? 0n, true);
    nameAt += name.length + 1;
  }
  const section = (
    index: number,
    type: number,
    place: { at: number; bytes: number; link: number },
  ) => {
    view.setUint32(sectionsAt + 64 * index + 4, type, true);
    view.setBigUint64(sectionsAt + 64 * index + 24, BigInt(place.at), true);
    view.setBigUint64(sectionsAt + 64 * index + 32, BigInt(place.bytes), true);
    view.setUint32(sectionsAt + 64 * index + 40, place.link, true);
  };
  section(1, 2, { at: symbolsAt, bytes: 24 * (names.length + 1), link: 2 });
  section(2, 3, { at: stringsAt, bytes: strings.length, link: 0 });
  return file;
}
