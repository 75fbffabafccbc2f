import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Untrusted, UntrustedJson } from '../src/hostile/Untrusted';

const html = (text: string) => renderToStaticMarkup(<Untrusted text={text} />);

describe('what an agent sent', () => {
  it('is never markup, and never a link', () => {
    const shown = html('<a href="javascript:alert(1)">x</a> <script>1</script> https://example.com');
    expect(shown).not.toMatch(/<(a|script|img|iframe|svg)\b/);
    expect(shown).toContain('&lt;script&gt;');
  });

  it('names what hides, in words that a reader of the screen gets too', () => {
    const shown = html('gpj\u202eexe');
    expect(shown).toContain('U+202E');
    expect(shown).toContain('(right-to-left override)');
    expect(shown).toContain('1 hidden character');
    expect(shown).not.toContain('\u202e');
  });

  it('keeps the direction of what stands around it', () => expect(html('abc')).toContain('<bdi dir="ltr">'));

  it('is cut where it is long, and says by how much', () => {
    const shown = html('x'.repeat(1_000));
    expect(shown).toContain('600 more characters');
    expect(shown).not.toContain('x'.repeat(401));
  });

  it('is said to be nothing when it is nothing', () => expect(html('')).toContain('none'));

  it('is read as JSON where it is, and as text where it is not', () => {
    expect(renderToStaticMarkup(<UntrustedJson value={'{"b":"\u200b","a":1}'} />)).toContain('U+200B');
    expect(renderToStaticMarkup(<UntrustedJson value="{not json" />)).toContain('{not json');
    expect(renderToStaticMarkup(<UntrustedJson value={{ deep: '<b>' }} />)).toContain('&lt;b&gt;');
  });
});
