/**
 * Generated text of pages: blocks, the text between `<!-- NAME -->` and `<!-- /NAME -->`, tables,
 * links and paragraphs.
 */

/** Returns the paths of pages in docs, from their names. */
export const inDocs = names => names.split(' ').map(name => `docs/${name}.md`)

/** Returns the paths of pages of a package, from their names. */
export const inPackage = (name, names) =>
  names.split(' ').map(page => `packages/${name}/docs/${page}.md`)

/**
 * Returns a page with a block replaced. Throws an error with the name of the file if the page lacks
 * the block, or has it twice.
 */
export function withBlock(page, name, block, file = 'the page') {
  const { before, after } = partsOf(page, name, file)
  return `${before}<!-- ${name} -->\n\n${block.trim()}\n\n<!-- /${name} -->${after}`
}

/** Returns the text of a page without the block. Throws like withBlock. */
export function withoutBlock(page, name, file) {
  const { before, after } = partsOf(page, name, file)
  return before + after
}

function partsOf(page, name, file) {
  const marks = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [before, rest, ...more] = page.split(marks[0])
  const [, after, ...others] = rest?.split(marks[1]) ?? []
  if (after === undefined || more.length > 0 || others.length > 0) {
    throw new Error(`${file}: it must have the marks ${marks.join(' and ')}, once`)
  }
  return { before, after }
}

/** A block with its marks, each on a line of its own. */
const BLOCK = /^<!-- ([\w-]+) -->$[\s\S]*?^<!-- \/\1 -->$/gm

/** Returns the names of the blocks of a page. */
export const blocksOf = page => [...page.matchAll(BLOCK)].map(([, name]) => name)

/** Returns the text of a page without its blocks. */
export const withoutBlocks = page => page.replace(BLOCK, '')

/** Returns a table. A column without a title has an empty one. */
export function table(titles, rows) {
  const line = cells => `| ${cells.join(' | ')} |`
  return [line(titles), `|${'---|'.repeat(titles.length)}`, ...rows.map(line)].join('\n')
}

/**
 * Returns a text in lines of at most 100 columns. `indent` is the start of all lines but the first,
 * for which it leaves room, too.
 */
export function wrapped(text, indent = '') {
  const line = new RegExp(`(.{1,${100 - indent.length}})(?:\\s+|$)`, 'g')
  return text.replace(line, `$1\n${indent}`).trimEnd()
}

/** Returns the first sentence of a text, on one line: the whole text if it has no full stop. */
export function firstSentence(text) {
  const line = text.trim().replace(/\s+/g, ' ')
  return /^.*?(?<!\bsec)\.(?= [A-Z`*[]|$)/.exec(line)?.[0] ?? line
}

/** Returns a text as one cell of a table. */
export const cell = text => text.replaceAll('|', '\\|')

/** Returns a text in which the first of each phrase is a link. Throws if a phrase is not in it. */
export function linked(text, links) {
  let result = text
  for (const [phrase, target] of Object.entries(links)) {
    if (!result.includes(phrase)) throw new Error(`no text has '${phrase}', which is a link`)
    result = result.replace(phrase, `[${phrase}](${target})`)
  }
  return result
}
