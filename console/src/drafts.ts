// Texts of bundles that nobody has published: handed from one screen to another, gone with the page.

const KEPT_MAX = 20;
const texts = new Map<string, string>();

export const drafts = {
  get: (name: string): string | undefined => texts.get(name),
  names: (): string[] => [...texts.keys()],
  keep(name: string, text: string): void {
    texts.delete(name);
    texts.set(name, text);
    const oldest = texts.keys().next().value;
    if (texts.size > KEPT_MAX && oldest !== undefined) texts.delete(oldest);
  },
  drop: (name: string): void => {
    texts.delete(name);
  },
};
