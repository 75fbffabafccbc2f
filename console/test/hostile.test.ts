import { describe, expect, it } from 'vitest';
import { cut, hiddenName, marks, warning } from '../src/hostile/marks';

/** The text as a reader sees it: named characters in brackets. */
const seen = (text: string, lines = false) =>
  marks(text, lines)
    .map((m) => (m.kind === 'text' ? m.text : m.kind === 'hidden' ? `[${m.label}]` : `{${m.text}}`))
    .join('');

describe('hidden characters', () => {
  // Each is a way in which a text shows something else than it holds.
  it.each([
    ['plain', 'DELETE FROM customers', 'DELETE FROM customers'],
    ['override', 'refund-\u202egpj.exe', 'refund-[U+202E]gpj.exe'],
    ['isolates', 'a\u2066b\u2069c', 'a[U+2066]b[U+2069]c'],
    ['embedding', '\u202aabc\u202c', '[U+202A]abc[U+202C]'],
    ['zero width', 'pay\u200bload\ufeff', 'pay[U+200B]load[U+FEFF]'],
    ['joiners', 'a\u200d\u200cb', 'a[U+200D][U+200C]b'],
    ['soft hyphen', 'ad\u00admin', 'ad[U+00AD]min'],
    ['no-break space', 'a\u00a0b', 'a[U+00A0]b'],
    ['tag characters', 'ok\u{e0069}\u{e0067}', 'ok[U+E0069][U+E0067]'],
    ['hangul filler', '\u3164x', '[U+3164]x'],
    ['braille blank', 'a\u2800b', 'a[U+2800]b'],
    ['control', 'a\u0007b\u001b[31m', 'a[U+0007]b[U+001B][31m'],
    ['next line', 'a\u0085b', 'a[U+0085]b'],
    ['line separator', 'a\u2028b', 'a[U+2028]b'],
    ['line end in one line', 'a\nb', 'a[\u23ce]b'],
    ['carriage return', 'ok\rbad', 'ok[\u240d]bad'],
    ['half a pair', 'a\ud800b', 'a[U+D800]b'],
    ['private use', '\ue000', '[U+E000]'],
    ['no character', '\ufffe', '[U+FFFE]'],
    ['variation selector', 'a\ufe0f', 'a[U+FE0F]'],
    ['heaped marks', 'o\u0301\u0301\u0301\u0301', 'o\u0301\u0301\u0301[U+0301]'],
    ['a name with an accent', 'Zo\u00eb M\u00fcller', 'Zo\u00eb M\u00fcller'],
    ['an accent apart', 'e\u0301t\u00e9', 'e\u0301t\u00e9'],
    ['Russian', '\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440', '\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440'],
    ['Japanese', '\u6771\u4eac\u3068\u30ab\u30bf\u30ab\u30ca', '\u6771\u4eac\u3068\u30ab\u30bf\u30ab\u30ca'],
    ['Arabic', '\u0645\u0631\u062d\u0628\u0627', '\u0645\u0631\u062d\u0628\u0627'],
    ['markup stays text', '<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ])('%s', (_, text, expected) => expect(seen(text)).toBe(expected));

  it('line ends and tabs stay in blocks', () => expect(seen('a\n\tb\r\nc', true)).toBe('a\n\tb[\u240d]\nc'));
});

describe('lookalikes', () => {
  it.each([
    ['Cyrillic in a Latin word', 'p\u0430ypal.com', 'p{\u0430}ypal.com'],
    ['Greek in a Latin word', 'g\u03bfogle', 'g{\u03bf}ogle'],
    ['a whole word that passes for Latin', '\u0440\u0430\u0443\u0440\u0430\u0443', '{\u0440}{\u0430}{\u0443}{\u0440}{\u0430}{\u0443}'],
    ['one Cyrillic letter alone is a word', '\u0430 \u0438', '\u0430 \u0438'],
    ['styled letters', '\u{1d41a}dmin', '{\u{1d41a}}dmin'],
    ['fullwidth', '\uff52\uff4d -rf', '{\uff52}{\uff4d} -rf'],
    ['a mixed sentence of whole words', 'file \u0444\u0430\u0439\u043b', 'file \u0444\u0430\u0439\u043b'],
    ['dotless i', 'adm\u0131n', 'adm{\u0131}n'],
  ])('%s', (_, text, expected) => expect(seen(text)).toBe(expected));

  it('names the letter and what it passes for', () => {
    const found = marks('p\u0430ypal').find((m) => m.kind === 'confusable');
    expect(found).toMatchObject({ name: 'Cyrillic U+0430, looks like a' });
  });
});

describe('everything else', () => {
  it('loses nothing: the marks together are the text', () => {
    // Fixed steps through all planes, with a seed that is part of the test.
    let seed = 7;
    const next = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    for (let round = 0; round < 300; round += 1) {
      const text = Array.from({ length: 40 }, () => String.fromCodePoint(next(4) === 0 ? next(0x110000) : 0x20 + next(0x500))).join('');
      const whole = marks(text).map((m) => m.text).join('');
      expect(whole).toBe(text);
      for (const m of marks(text)) {
        if (m.kind !== 'text') continue;
        for (const c of m.text) expect(hiddenName(c.codePointAt(0) ?? 0)).toBeNull();
      }
    }
  });

  it('warns with counts, and of nothing where there is nothing', () => {
    expect(warning(marks('a\u202eb p\u0430y'))).toBe('1 hidden character, 1 lookalike');
    expect(warning(marks('SELECT 1\nFROM a'))).toBeNull();
  });

  it('cuts between characters, never within one', () => {
    expect(cut('abcdef', 3)).toEqual({ shown: 'abc', more: 3 });
    expect(cut('\u{1f600}\u{1f600}\u{1f600}', 2)).toEqual({ shown: '\u{1f600}\u{1f600}', more: 2 });
    expect(cut('abc', 3)).toEqual({ shown: 'abc', more: 0 });
  });

  it('takes time in proportion to the text', () => {
    const hostile = '\u0430b\u200b\u0301'.repeat(50_000);
    const begun = performance.now();
    marks(hostile);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});
