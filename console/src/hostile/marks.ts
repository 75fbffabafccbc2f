// What a text really holds. Everything that an agent sends is hostile: a character that hides,
// reorders or imitates others is taken out of the run of text and named (Unicode TR 36, UTS 39).

import { lookalike, scriptOf } from './confusables';

export type Mark =
  | { kind: 'text'; text: string }
  /** Cannot be seen, or changes what is seen around it. */
  | { kind: 'hidden'; text: string; label: string; name: string }
  /** Looks like another character. */
  | { kind: 'confusable'; text: string; label: string; name: string };

const NAMES: ReadonlyMap<number, string> = new Map([
  [0x00ad, 'soft hyphen'],
  [0x034f, 'combining grapheme joiner'],
  [0x061c, 'arabic letter mark'],
  [0x115f, 'hangul choseong filler'],
  [0x1160, 'hangul jungseong filler'],
  [0x17b4, 'khmer inherent vowel'],
  [0x17b5, 'khmer inherent vowel'],
  [0x180e, 'mongolian vowel separator'],
  [0x200b, 'zero width space'],
  [0x200c, 'zero width non-joiner'],
  [0x200d, 'zero width joiner'],
  [0x200e, 'left-to-right mark'],
  [0x200f, 'right-to-left mark'],
  [0x2028, 'line separator'],
  [0x2029, 'paragraph separator'],
  [0x202a, 'left-to-right embedding'],
  [0x202b, 'right-to-left embedding'],
  [0x202c, 'pop directional formatting'],
  [0x202d, 'left-to-right override'],
  [0x202e, 'right-to-left override'],
  [0x2060, 'word joiner'],
  [0x2061, 'function application'],
  [0x2062, 'invisible times'],
  [0x2063, 'invisible separator'],
  [0x2064, 'invisible plus'],
  [0x2066, 'left-to-right isolate'],
  [0x2067, 'right-to-left isolate'],
  [0x2068, 'first strong isolate'],
  [0x2069, 'pop directional isolate'],
  [0x2800, 'braille blank'],
  [0x3164, 'hangul filler'],
  [0xfeff, 'byte order mark'],
  [0xffa0, 'halfwidth hangul filler'],
]);

/** Marks on one letter; more than any script needs hide what stands above and below. */
const COMBINING_MAX = 3;

function code(point: number): string {
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The name of a character that hides or reorders, or null. */
export function hiddenName(point: number): string | null {
  const known = NAMES.get(point);
  if (known) return known;
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return 'control character';
  if (point === 0xa0 || point === 0x1680 || point === 0x202f || point === 0x205f || point === 0x3000) return 'unusual space';
  if (point >= 0x2000 && point <= 0x200a) return 'unusual space';
  if (point >= 0x206a && point <= 0x206f) return 'deprecated format character';
  if (point >= 0x180b && point <= 0x180f) return 'variation selector';
  if (point >= 0xfe00 && point <= 0xfe0f) return 'variation selector';
  if (point >= 0xe0100 && point <= 0xe01ef) return 'variation selector';
  if (point >= 0xe0020 && point <= 0xe007e) return `tag character ${String.fromCodePoint(point - 0xe0000)}`;
  if (point >= 0xe0000 && point <= 0xe0fff) return 'tag character';
  if (point >= 0xd800 && point <= 0xdfff) return 'half of a surrogate pair';
  if ((point >= 0xe000 && point <= 0xf8ff) || point >= 0xf0000) return 'private use';
  if (point >= 0xfff9 && point <= 0xfffb) return 'interlinear annotation';
  if ((point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) === 0xfffe) return 'no character';
  if (point >= 0x1d173 && point <= 0x1d17a) return 'musical format character';
  if (point >= 0xfff0 && point <= 0xfff8) return 'ignorable character';
  return null;
}

const isLetter = (char: string) => /\p{L}/u.test(char);
const isCombining = (char: string) => /\p{M}/u.test(char);

/** Whether lookalikes in a word are suspicious: it mixes scripts, or is made of nothing but lookalikes. */
function imitates(word: string): boolean {
  const scripts = new Set<string>();
  let foreign = 0;
  let alike = 0;
  for (const char of word) {
    if (!isLetter(char)) continue;
    const point = char.codePointAt(0) ?? 0;
    const script = scriptOf(point);
    if (script !== 'Common') scripts.add(script);
    if (script === 'Styled') return true;
    if (script !== 'Latin' && script !== 'Common') {
      foreign += 1;
      if (lookalike(point) !== null) alike += 1;
    }
  }
  if (alike === 0) return false;
  // Latin beside another script in one word, or a whole word that could pass for Latin.
  return scripts.size > 1 || (alike === foreign && foreign > 1);
}

/** Splits a text into runs of plain text and named characters. Line ends stay where `lines` says so. */
export function marks(text: string, lines = false): Mark[] {
  const out: Mark[] = [];
  let plain = '';
  const flush = () => {
    if (plain !== '') out.push({ kind: 'text', text: plain });
    plain = '';
  };
  // Words are what lies between characters that are neither letters, marks nor digits.
  for (const word of text.split(/([^\p{L}\p{M}\p{N}]+)/u)) {
    const suspicious = /[^\u0000-\u007f]/.test(word) && imitates(word);
    let combining = 0;
    for (const char of word) {
      const point = char.codePointAt(0) ?? 0;
      if (lines && (char === '\n' || char === '\t')) {
        plain += char;
        continue;
      }
      if (point > 0x1f && point < 0x7f) {
        combining = 0;
        plain += char;
        continue;
      }
      if (char === '\n' || char === '\r' || char === '\t') {
        flush();
        const [label, name] = char === '\n' ? ['\u23ce', 'line end'] : char === '\r' ? ['\u240d', 'carriage return'] : ['\u21e5', 'tab'];
        out.push({ kind: 'hidden', text: char, label: label ?? '', name: name ?? '' });
        continue;
      }
      const hidden = hiddenName(point);
      if (hidden !== null) {
        flush();
        out.push({ kind: 'hidden', text: char, label: code(point), name: hidden });
        continue;
      }
      if (isCombining(char)) {
        combining += 1;
        if (combining > COMBINING_MAX) {
          flush();
          out.push({ kind: 'hidden', text: char, label: code(point), name: 'one of too many combining marks' });
          continue;
        }
      } else {
        combining = 0;
      }
      const like = suspicious ? lookalike(point) : null;
      if (like !== null) {
        flush();
        out.push({ kind: 'confusable', text: char, label: char, name: `${scriptOf(point)} ${code(point)}, looks like ${like}` });
        continue;
      }
      plain += char;
    }
  }
  flush();
  return out;
}

/** What is odd about a text, for a person, or null. */
export function warning(found: Mark[]): string | null {
  const count = (kind: Mark['kind']) => found.filter((m) => m.kind === kind && m.text !== '\n' && m.text !== '\r' && m.text !== '\t').length;
  const [hidden, alike] = [count('hidden'), count('confusable')];
  const parts = [
    hidden > 0 ? `${hidden} hidden character${hidden === 1 ? '' : 's'}` : '',
    alike > 0 ? `${alike} lookalike${alike === 1 ? '' : 's'}` : '',
  ].filter((p) => p !== '');
  return parts.length > 0 ? parts.join(', ') : null;
}

/** The first `length` code points, and how many follow. No surrogate pair is cut. */
export function cut(text: string, length: number): { shown: string; more: number } {
  // A code point takes at most two code units: short texts need no counting.
  if (text.length <= length) return { shown: text, more: 0 };
  let end = 0;
  let count = 0;
  while (end < text.length && count < length) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
    count += 1;
  }
  return { shown: text.slice(0, end), more: text.length - end };
}
