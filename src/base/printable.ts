/**
 * Text from others (names, hostnames, domain names), made safe for a terminal or a log. Characters
 * that control a terminal are escaped: C0, DEL and C1, and characters that change the order or the
 * end of a line (bidirectional controls, U+2028, U+2029). All other Unicode text is kept.
 */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029]/gu

/**
 * Returns `text` as one line that is safe to show: ESC is `\x1b`, U+009B `\u009b`, and a byte of a
 * name that is not UTF-8 (see netlink/name.ts) `\xff`.
 */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escapeOf)

/**
 * Like printable(), for text of several lines: keeps line breaks. JSON keeps its meaning: the
 * characters that JSON.stringify does not escape get JSON's own escape.
 */
export function printableLines(text: string): string {
  return text.replace(UNPRINTABLE, char => (char === '\n' ? char : escapeOf(char)))
}

function escapeOf(char: string): string {
  const code = char.charCodeAt(0)
  const isEscapedByte = code >= 0xdc80 && code <= 0xdcff
  if (code < 0x20 || isEscapedByte) return `\\x${(code & 0xff).toString(16).padStart(2, '0')}`
  return `\\u${code.toString(16).padStart(4, '0')}`
}

/** Returns a parameter's name as users write it: `pool-size` for `poolSize`. */
export const optionName = (param: string): string =>
  param.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

/** Returns the word as a shell (POSIX sh, bash, zsh) reads it. */
export function shellWord(word: string): string {
  // `=` at the start of a word is special in zsh, `~` everywhere.
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word)) return word
  // Filters in the text of a wire have their own quotes.
  if (word.includes("'") && !/["$`\\!]/.test(word)) return `"${word}"`
  return `'${word.replaceAll("'", "'\\''")}'`
}
