// Letters that pass for ASCII: those of Cyrillic, Greek, Armenian and Cherokee that UTS 39 lists as
// confusable with one, and the styled alphabets that NFKC folds to it.

const TABLE: Record<string, string> = {
  // Cyrillic
  а: 'a', в: 'b', г: 'r', е: 'e', з: '3', к: 'k', м: 'm', н: 'h', о: 'o', п: 'n', р: 'p', с: 'c', т: 't', у: 'y', х: 'x',
  ѕ: 's', і: 'i', ї: 'i', ј: 'j', ԁ: 'd', ԛ: 'q', ԝ: 'w', һ: 'h', ӏ: 'l', ь: 'b', ѵ: 'v', ԍ: 'g', ѡ: 'w', ґ: 'r',
  А: 'A', В: 'B', Е: 'E', З: '3', К: 'K', М: 'M', Н: 'H', О: 'O', Р: 'P', С: 'C', Т: 'T', У: 'Y', Х: 'X',
  Ѕ: 'S', І: 'I', Ј: 'J', Ԛ: 'Q', Ԝ: 'W', Ү: 'Y', Ӏ: 'I', Ь: 'b', Ѵ: 'V', Ԍ: 'G',
  // Greek
  α: 'a', γ: 'y', ε: 'e', η: 'n', ι: 'i', κ: 'k', ν: 'v', ο: 'o', ρ: 'p', σ: 'o', τ: 't', υ: 'u', χ: 'x', ω: 'w', ϲ: 'c', ϳ: 'j',
  Α: 'A', Β: 'B', Ε: 'E', Ζ: 'Z', Η: 'H', Ι: 'I', Κ: 'K', Μ: 'M', Ν: 'N', Ο: 'O', Ρ: 'P', Τ: 'T', Υ: 'Y', Χ: 'X', Ϲ: 'C', Ϳ: 'J',
  // Armenian
  ա: 'w', գ: 'q', զ: 'q', հ: 'h', յ: 'j', ո: 'n', ռ: 'n', ս: 'u', ց: 'g', ք: 'f', օ: 'o', Ս: 'U', Օ: 'O', Տ: 'S', Լ: 'L',
  // Cherokee
  Ꭰ: 'D', Ꭱ: 'R', Ꭲ: 'T', Ꭵ: 'i', Ꭺ: 'A', Ꭻ: 'J', Ꭼ: 'E', Ꮃ: 'W', Ꮇ: 'M', Ꮋ: 'H', Ꮐ: 'G', Ꮓ: 'Z', Ꮞ: '4', Ꮟ: 'b', Ꮢ: 'R',
  Ꮩ: 'V', Ꮪ: 'S', Ꮮ: 'L', Ꮯ: 'C', Ꮲ: 'P', Ꮶ: 'K', Ᏼ: 'B',
  // Latin letters that are not the letter they look like
  ɑ: 'a', ɡ: 'g', ı: 'i', ɩ: 'i', ȷ: 'j', ǀ: 'l', ᴄ: 'c', ᴏ: 'o', ᴜ: 'u', ᴠ: 'v', ᴡ: 'w', ᴢ: 'z', ꜱ: 's', ⅼ: 'l', ꓲ: 'I',
};

const ALIKE: ReadonlyMap<number, string> = new Map(Object.entries(TABLE).map(([from, to]) => [from.codePointAt(0) ?? 0, to]));

/** Fullwidth, mathematical, circled and Roman-numeral letters: a font's work done by code points. */
function isStyled(point: number): boolean {
  return (
    (point >= 0xff01 && point <= 0xff5e) ||
    (point >= 0x1d400 && point <= 0x1d7ff) ||
    (point >= 0x2160 && point <= 0x217f) ||
    (point >= 0x24b6 && point <= 0x24e9) ||
    (point >= 0x1f130 && point <= 0x1f189) ||
    (point >= 0x2100 && point <= 0x214f)
  );
}

/** What an ASCII reader takes the character for, or null. */
export function lookalike(point: number): string | null {
  const known = ALIKE.get(point);
  if (known !== undefined) return known;
  if (!isStyled(point)) return null;
  const folded = String.fromCodePoint(point).normalize('NFKC');
  return /^[\u0021-\u007e]+$/.test(folded) ? folded : null;
}

/** The script of a letter, as far as lookalikes are concerned. */
export function scriptOf(point: number): string {
  if (isStyled(point) && lookalike(point) !== null) return 'Styled';
  const char = String.fromCodePoint(point);
  if (/\p{Script=Latin}/u.test(char)) return (ALIKE.has(point) ? 'Latin variant' : 'Latin');
  for (const script of ['Cyrillic', 'Greek', 'Armenian', 'Cherokee', 'Hebrew', 'Arabic', 'Han', 'Hiragana', 'Katakana', 'Hangul', 'Devanagari', 'Thai', 'Georgian'] as const) {
    if (new RegExp(`\\p{Script=${script}}`, 'u').test(char)) return script;
  }
  return 'Common';
}
