/** Returns the words of a text, which are separated by white space: a long list in few lines. */
export const list = (text: string): string[] => text.trim().split(/\s+/)
