/**
 * The tokens of drivers in JavaScript or TypeScript, without comments, semicolons and imports. It
 * accepts any text: a character that starts no token is a token itself.
 */

/** A token, with the line on which it starts, from 1. */
export interface Token {
  readonly text: string
  readonly isName: boolean
  readonly line: number
}

const SPACE = /\s+|\/\/.*|\/\*[\s\S]*?(?:\*\/|$)/y
const NAME = /#?[\p{ID_Start}$_][\p{ID_Continue}$]*/uy
const NUMBER = /\.?\d[\w.]*/y
const STRING = /"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?/y
const REGEXP = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y
const OPERATOR =
  /\.{3}|[=!]==|>>>=|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|[=!<>+\-*/%&|^]=|=>|&&|\|\||\?\?|\?\.|\+\+|--|<<|>>|\*\*/y

const KEYWORDS = new Set(
  (
    'as async await break case catch class const continue default delete do else export extends ' +
    'false finally for from function if import in instanceof let new null of return static super ' +
    'switch this throw true try typeof undefined var void while yield'
  ).split(' '),
)
/** After these a slash divides; after anything else it starts a regular expression. */
const ENDS_VALUE = /^(?:[)\]}]|this|super|null|true|false|undefined)$/

/** Returns the tokens of a text. A template is one token, and so is a regular expression. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(source)?.[0]
  }
  while (at < source.length) {
    const space = take(SPACE)
    const before = tokens.at(-1)
    const divides = before !== undefined && isValue(before)
    const text =
      space ??
      take(NAME) ??
      take(NUMBER) ??
      take(STRING) ??
      (source[at] === '`' ? source.slice(at, endOfTemplate(source, at)) : undefined) ??
      (divides ? undefined : take(REGEXP)) ??
      take(OPERATOR) ??
      source.slice(at, at + 1)
    if (space === undefined && text !== ';') {
      tokens.push({ text, isName: isIdentifier(text), line })
    }
    line += text.split('\n').length - 1
    at += text.length
  }
  return withoutImports(tokens)
}

function isIdentifier(text: string): boolean {
  NAME.lastIndex = 0
  return NAME.exec(text)?.[0] === text && !KEYWORDS.has(text)
}

const isValue = ({ text, isName }: Token): boolean =>
  isName || ENDS_VALUE.test(text) || /^["'`\d]/.test(text)

/** Returns where a template ends. An expression in it may have templates, too. */
function endOfTemplate(source: string, start: number): number {
  /** The templates that are open, and the braces in their expressions. */
  const open = ['`']
  let at = start + 1
  for (; at < source.length && open.length > 0; at++) {
    const char = source[at] ?? ''
    const isText = open.at(-1) === '`'
    if (char === '\\') {
      at++
    } else if (char === (isText ? '`' : '}')) {
      open.pop()
    } else if (isText && source.startsWith('${', at)) {
      open.push('{')
      at++
    } else if (!isText && (char === '`' || char === '{')) {
      open.push(char)
    }
  }
  return Math.min(at, source.length)
}

/** Lists of imports are alike in all drivers. */
function withoutImports(tokens: readonly Token[]): Token[] {
  const kept: Token[] = []
  let isImport = false
  for (const [i, token] of tokens.entries()) {
    const next = tokens[i + 1]?.text ?? ''
    isImport ||= token.text === 'import' && next !== '(' && next !== '.'
    if (!isImport) {
      kept.push(token)
    } else if (/^["']/.test(token.text)) {
      isImport = false
    }
  }
  return kept
}
