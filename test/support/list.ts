/** Splits a text at white space: a long list in few lines. */
export const list = (text: string): string[] => text.trim().split(/\s+/)
